//! A relay between the program and a database, which can delay what the database says, hold it, or
//! cut every connection and take none.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// More milliseconds than any test waits.
const FOR_EVER: u64 = u64::MAX;
/// Every connection is closed at once.
const CUT: u64 = FOR_EVER - 1;

/// A relay; ends with its test.
pub struct Relay {
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: SocketAddr,
    /// By how much each answer is delayed, milliseconds; or one of the words above.
    delay_ms: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// A relay to a server.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Mutex::default();
        let shared = Arc::new(Shared { to: server, delay_ms: AtomicU64::new(0), open });
        let accepting = Arc::downgrade(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Some(shared)) = (client, accepting.upgrade()) else { return };
                shared.join(client);
            }
        });
        Self { address, shared }
    }

    /// Each answer of the database takes so much longer.
    pub fn delay(&self, by: Duration) {
        self.shared.delay_ms.store(by.as_millis() as u64, SeqCst);
    }

    /// Nothing that the database says arrives any more.
    pub fn stall(&self) {
        self.shared.delay_ms.store(FOR_EVER, SeqCst);
    }

    /// All connections end, and new ones are closed at once.
    pub fn cut(&self) {
        self.shared.delay_ms.store(CUT, SeqCst);
        self.shared.close();
    }

    /// As at the beginning.
    pub fn heal(&self) {
        self.shared.delay_ms.store(0, SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
        // The thread that accepts finds its relay gone with the next connection.
        let address = self.address;
        self.shared =
            Arc::new(Shared { to: address, delay_ms: AtomicU64::new(CUT), open: Mutex::default() });
        let _ = TcpStream::connect(address);
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: TcpStream) {
        if self.delay_ms.load(SeqCst) == CUT {
            return;
        }
        let Ok(server) = TcpStream::connect(self.to) else { return };
        let mut open = self.open.lock().unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
            open.push(stream.try_clone().unwrap());
        }
        let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || copy(from, to, || {}));
        let shared = Arc::clone(self);
        thread::spawn(move || copy(server, client, || shared.hold()));
    }

    /// Waits as long as answers are held up now.
    fn hold(&self) {
        let mut held = 0;
        // A relay that is cut lets its threads go.
        while held < self.delay_ms.load(SeqCst) && self.delay_ms.load(SeqCst) != CUT {
            thread::sleep(LOOK);
            held += LOOK.as_millis() as u64;
        }
    }

    fn close(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, before: impl Fn()) {
    let mut bytes = [0; 16_384];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        before();
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
