//! Contacts that are in a database, over real sockets: none is lost whose REGISTER was answered,
//! whatever ends.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::contacts::{LONG, accepted, gateway, register, setting};
use crate::databases::Kind;
use crate::databases::servers::MariaDb;
use crate::databases::sqlite::Sqlite;
use crate::support::{Folder, PATIENCE, Running, address, sluice};

/// A folder of text files.
struct Text(Folder);

impl Kind for Text {
    const MODULE: &'static str = "db_text";

    fn url(&self) -> String {
        format!("text://{}", self.0.path("db"))
    }

    /// The whole file, whatever is asked for.
    fn sql(&self, _: &str) -> String {
        std::fs::read_to_string(self.0.path("db/location")).unwrap()
    }
}

/// Makes the tables; the lines of a script that keeps contacts in them.
pub fn lines<K: Kind>(kind: &K, mode: u32) -> String {
    let url = kind.url();
    let made = sluice(&["db", "create", &url, "version", "location"], "");
    assert_eq!(made.code, Some(0), "{made:?}");
    format!(
        "loadmodule \"{}.so\"\nmodparam(\"usrloc\", \"db_mode\", {mode})\n\
         modparam(\"usrloc\", \"db_url\", \"{url}\")",
        K::MODULE
    )
}

/// The numbers of the users that have a row.
pub fn users(kind: &impl Kind) -> HashSet<usize> {
    let text = kind.sql("SELECT username FROM location;");
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let number = |word: &str| word.strip_prefix('u')?.parse().ok();
    words.filter(|word| word.len() == 22).filter_map(number).collect()
}

/// Requests that leave at their times, whatever is answered.
pub struct Sender {
    socket: UdpSocket,
    to: SocketAddr,
    /// The number of the next user.
    pub next: usize,
    pub answered: Vec<usize>,
    /// Other answers than 200.
    pub refused: usize,
}

impl Sender {
    pub fn new(first: usize, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        Self { socket, to, next: first, answered: Vec::new(), refused: 0 }
    }

    /// Registers new users at a rate until `is_over`, which is asked each millisecond.
    pub fn send(&mut self, rate: usize, mut is_over: impl FnMut(&Self) -> bool) {
        let (began, first) = (Instant::now(), self.next);
        let from = self.socket.local_addr().unwrap();
        while !is_over(self) {
            let due = first + (began.elapsed().as_secs_f64() * rate as f64) as usize;
            for user in self.next..due {
                self.socket.send_to(register(user, 1, LONG, from).as_bytes(), self.to).unwrap();
            }
            self.next = self.next.max(due);
            self.receive();
        }
    }

    /// Takes what has come.
    pub fn receive(&mut self) -> bool {
        let mut buffer = [0; 2_048];
        let before = self.answered.len() + self.refused;
        while let Ok(len) = self.socket.recv(&mut buffer) {
            match accepted(&buffer[..len]) {
                Some(user) => self.answered.push(user),
                None => self.refused += 1,
            }
            if self.answered.len() + self.refused > before + 64 {
                break;
            }
        }
        self.answered.len() + self.refused > before
    }
}

/// Registers new users until some time after the first answer, when the program is killed; those
/// that were answered.
fn until_it_is_gone(first: usize, to: SocketAddr, stop: &Running, after: Duration) -> Sender {
    let mut sender = Sender::new(first, to);
    let end = Instant::now() + PATIENCE;
    let mut answered = None;
    sender.send(setting("SLUICE_RATE", 500), |sender| {
        assert!(Instant::now() < end, "nothing is answered");
        if answered.is_none() && !sender.answered.is_empty() {
            answered = Some(Instant::now());
        }
        answered.is_some_and(|since| since.elapsed() >= after)
    });
    stop.signal("KILL");
    // What it had sent before is still there.
    std::thread::sleep(Duration::from_millis(20));
    while sender.receive() {}
    sender
}

/// Kills it again and again; what is acknowledged is in the database, and in memory after the next
/// start.
fn kill<K: Kind>(kind: &K) {
    let kills = setting("SLUICE_KILLS", 3);
    let (folder, listen) = (Folder::new(), address());
    let more = lines(kind, 1);
    let (mut all, mut sent, mut missing) = (HashSet::new(), 0, 0);
    for kill in 0..kills {
        let running = gateway(&folder, listen, &more);
        let after = Duration::from_millis(60 + (kill as u64 * 137) % 300);
        let first = kill * 1_000_000;
        let sender = until_it_is_gone(first, listen, &running, after);
        drop(running);
        sent += sender.next - first;
        all.extend(sender.answered);
        let there = users(kind);
        missing = all.iter().filter(|user| !there.contains(user)).count();
        assert_eq!(missing, 0, "{}: kill {kill}: of {} contacts", K::MODULE, all.len());
    }
    let running = gateway(&folder, listen, &more);
    running.await_error(&format!("location: {} contacts are back", users(kind).len()));
    let acknowledged = all.len();
    println!(
        "{}: {kills} kills, {sent} sent, {acknowledged} acknowledged, {missing} missing",
        K::MODULE
    );
}

#[test]
fn no_contact_in_text_files_is_lost_that_was_acknowledged() {
    kill(&Text(Folder::new()));
}

#[test]
fn no_contact_in_sqlite_is_lost_that_was_acknowledged() {
    kill(&Sqlite::new());
}

#[test]
fn no_contact_in_mariadb_is_lost_that_was_acknowledged() {
    kill(&MariaDb::new());
}

/// Rows of users that expire in two hours, with the numbers that registrations give them.
fn rows(count: usize) -> String {
    format!(
        "INSERT INTO location (contact_id, username, contact, expires, q, callid, cseq, \
         last_modified, user_agent, socket) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL \
         SELECT i + 1 FROM n WHERE i < {count} - 1) SELECT 1700000000000000 + 70 * i, \
         printf('u%021d', i), printf('sip:u%021d@127.0.0.1', i), \
         strftime('%s', 'now') + 7200, -1, printf('%036d', i), 1, '2026-01-01 00:00:00', \
         'Phone 1.0 by nobody.', 'udp:127.0.0.1:5060' FROM n;"
    )
}

#[test]
fn contacts_are_back_soon_after_a_restart() {
    let count = setting("SLUICE_CONTACTS", 25_000);
    let (sqlite, folder, listen) = (Sqlite::new(), Folder::new(), address());
    let more = lines(&sqlite, 1);
    sqlite.sql(&rows(count));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let from = socket.local_addr().unwrap();
    let mut buffer = [0; 2_048];
    let mut ask = |user: usize, cseq: u32| {
        socket.send_to(register(user, cseq, LONG, from).as_bytes(), listen).unwrap();
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    let began = Instant::now();
    let running = gateway(&folder, listen, &more);
    let mut refused = 0;
    // Whoever comes too early comes again.
    let (cseq, answer) = loop {
        let answer = ask(0, refused + 2);
        if answer.starts_with("SIP/2.0 200") {
            break (refused + 2, answer);
        }
        assert!(answer.starts_with("SIP/2.0 503") && answer.contains("Retry-After: 1\r\n"));
        refused += 1;
        std::thread::sleep(Duration::from_millis(20));
    };
    let took = began.elapsed();
    running.await_error(&format!("location: {count} contacts are back"));
    assert_eq!(answer.matches("<sip:u").count(), 3, "From, To and one Contact: {answer}");
    for user in (1..count).step_by(count / 10) {
        let answer = ask(user, cseq);
        assert_eq!(answer.matches("<sip:u").count(), 3, "it is the same contact: {answer}");
    }
    println!(
        "{count} contacts in SQLite are back {:.1} s after the start; {refused} REGISTERs got 503",
        took.as_secs_f64()
    );
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(count <= 100_000 || refused > 0, "nobody waited for the start");
}

/// Registers new users at a rate; the database is killed, and back some seconds later.
fn away(mode: u32) -> Sender {
    let seconds = setting("SLUICE_SECONDS", 2) as u64;
    let (mut server, folder, listen) = (MariaDb::durable(), Folder::new(), address());
    let more = format!("{}\nmodparam(\"usrloc\", \"timer_interval\", 1)", lines(&server, mode));
    let _running = gateway(&folder, listen, &more);
    let (mut sender, is_over) = (Sender::new(0, listen), AtomicBool::new(false));
    let rate = setting("SLUICE_RATE", 100);
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(rate, |_| is_over.load(Relaxed)));
        std::thread::sleep(Duration::from_millis(500));
        server.kill();
        std::thread::sleep(Duration::from_secs(seconds));
        server.start();
        // Longer than the pause before it is tried again.
        std::thread::sleep(Duration::from_secs(6));
        is_over.store(true, Relaxed);
    });
    let end = Instant::now() + PATIENCE;
    while sender.answered.len() + sender.refused < sender.next && Instant::now() < end {
        sender.receive();
    }
    let all: HashSet<usize> = sender.answered.iter().copied().collect();
    let end = Instant::now() + Duration::from_secs(60);
    let missing = loop {
        let there = users(&server);
        let missing = all.iter().filter(|user| !there.contains(user)).count();
        if missing == 0 || Instant::now() >= end {
            break missing;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let (sent, answered, refused) = (sender.next, all.len(), sender.refused);
    println!(
        "db_mode {mode}, {seconds} s without database: {sent} sent, {answered} acknowledged, \
         {refused} refused, {missing} missing"
    );
    assert_eq!((missing, answered + refused), (0, sent));
    sender
}

#[test]
fn write_back_refuses_nobody_while_the_database_is_away() {
    assert_eq!(away(2).refused, 0);
}

#[test]
fn write_through_acknowledges_nothing_that_is_not_there_while_the_database_is_away() {
    let sender = away(1);
    assert!(sender.refused > 0, "they are answered by 500");
    let last = sender.answered.iter().max().copied();
    assert!(last > Some(sender.next * 3 / 4), "it goes on when the database is back");
}
