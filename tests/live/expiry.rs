//! All contacts expire within a short time: what that costs a worker, and those who register
//! meanwhile.

use std::fmt::{self, Display, Formatter};
use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_net::clock::own_moment;
use sluice_net::pin;

use crate::contacts::{register, register_for, setting};
use crate::mi::Managed;

/// Users who go on registering; their numbers are beyond all others.
const OTHERS: std::ops::Range<usize> = 90_000_000..90_000_100;
/// One of them registers that often.
const PACE: Duration = Duration::from_millis(2);

/// What a turn may take of processor time.
const MOST: Duration = Duration::from_micros(200);

/// What turns took: the longest, how many were too long, and how many they were.
#[derive(Debug)]
struct Turns {
    longest: Duration,
    long: u64,
    all: u64,
}

impl Display for Turns {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { longest, long, all } = self;
        write!(f, "{longest:.0?} at most, {long} of {all} above {MOST:?}")
    }
}

/// What the machine does to a program that has nothing to do with Sluice, on the processor of its
/// first worker: once in a millisecond it calculates for some ten microseconds.
fn control(is_over: &AtomicBool) -> Turns {
    pin::pin_to(pin::available_cpus()[0]).unwrap();
    let mut turns = Turns { longest: Duration::ZERO, long: 0, all: 0 };
    while !is_over.load(Relaxed) {
        let begin = own_moment();
        let _ = black_box((0..40_000_u64).fold(0, |sum, number| black_box(sum ^ number)));
        let took = Duration::from_nanos(own_moment().work_ns_since(begin));
        turns.longest = turns.longest.max(took);
        turns.long += u64::from(took > MOST);
        turns.all += 1;
        sleep(Duration::from_millis(1));
    }
    turns
}

/// A statistic of `usrloc`.
fn statistic(gateway: &Managed, name: &str) -> u64 {
    let name = format!("usrloc:{name}");
    let answer = gateway.call("get_statistics", &json!([[name]]));
    answer["result"][&name].as_u64().unwrap_or_else(|| panic!("{name}: {answer}"))
}

/// Some who register again and again; 99 of 100 were answered within this.
fn others(until: Instant, cseq: &mut u32, to: SocketAddr) -> Duration {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let from = socket.local_addr().unwrap();
    let (mut took, mut buffer) = (Vec::new(), [0; 2_048]);
    while took.is_empty() || Instant::now() < until {
        *cseq += 1;
        for user in OTHERS {
            let text = register(user, *cseq, 3_600, from);
            let began = Instant::now();
            socket.send_to(text.as_bytes(), to).unwrap();
            let length = socket.recv(&mut buffer).unwrap();
            took.push(began.elapsed());
            assert!(buffer[..length].starts_with(b"SIP/2.0 200"));
            sleep(PACE);
        }
    }
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// [`others`], and beside them what the machine does.
fn beside(others: impl FnOnce() -> Duration) -> (Duration, Turns) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let control = scope.spawn(|| control(&is_over));
        let took = others();
        is_over.store(true, Relaxed);
        (took, control.join().unwrap())
    })
}

#[test]
fn contacts_expire_a_few_in_a_turn() {
    let count = setting("SLUICE_CONTACTS", 2_000);
    let is_large = count >= 100_000;
    // Seconds from the first REGISTER until the first contact expires, then until the last.
    let (lead, window) = if is_large { (100, 60) } else { (2, 2) };
    let gateway = Managed::with(
        "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n\
         modparam(\"usrloc\", \"timer_interval\", 1)\n\
         modparam(\"registrar\", \"min_expires\", 1)\n\
         route { save(\"location\"); exit; }\n",
    );
    let (listen, began) = (gateway.address, Instant::now());
    let took = register_for(0..count, 1, |user| lead + window * user / count, listen);
    let mut cseq = 0;
    let at = |seconds: usize| began + Duration::from_secs(seconds as u64);
    let (before, _) = beside(|| others(at(lead), &mut cseq, listen));
    let (during, machine) = beside(|| others(at(lead + window) + took, &mut cseq, listen));
    let left = OTHERS.len() as u64;
    let end = Instant::now() + Duration::from_secs(30);
    while statistic(&gateway, "location-contacts") > left && Instant::now() < end {
        sleep(Duration::from_millis(50));
    }
    let turns = Turns {
        longest: Duration::from_micros(statistic(&gateway, "longest_expiry_us")),
        long: statistic(&gateway, "long_expiry_turns"),
        all: statistic(&gateway, "expiry_turns"),
    };
    println!(
        "{count} contacts expired within {window} s: a turn took {turns} (a program that does \
         nothing but calculate: {machine}); 99 of 100 others were answered within {during:.0?}, \
         {before:.0?} before"
    );
    assert_eq!(statistic(&gateway, "location-expires"), count as u64);
    assert_eq!(statistic(&gateway, "location-contacts"), left);
    assert!(turns.all > 0 && !turns.longest.is_zero(), "nobody has measured");
    // A debug build is slower, and a small number of answers says nothing of the hundredth.
    if is_large {
        assert!(turns.long * 10_000 <= turns.all, "{turns}");
        assert!(during <= before.mul_f64(1.3), "{during:.0?} after {before:.0?}");
    }
    gateway.running.signal("TERM");
    assert_eq!(gateway.running.wait().code, Some(0));
}
