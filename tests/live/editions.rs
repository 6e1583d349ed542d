//! Reloads under load: of routes and lists, half of them bad. Every message is answered, and by one
//! edition from beginning to end; memory does not grow.
//!
//! Each edition writes its number in two places, and slow messages are parked between the two while
//! editions come and go. Numbers of scripts that must be refused are odd.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::sip::{Agent, Request, first_line, headers};
use crate::support::{Folder, PATIENCE};
use crate::told::{Told, fifo_lines};

/// Messages a second that a debug build on a busy CPU can answer.
const RATE: u32 = 1_000;

/// Messages under way, at most: they fit the smallest buffer of a socket (208 KiB, of which the
/// kernel takes more than 1 KiB for each), so that what is lost was lost by the program.
const WINDOW: usize = 64;

/// Every so many messages one is parked on its way.
const SLOW: u32 = 10;

/// Pause between two reloads.
const PAUSE: Duration = Duration::from_millis(15);

/// From so many reloads on, memory has settled after the first tenth.
const SETTLED: u32 = 500;

/// How often it reloads; `scripts/soak reload` names its own number.
fn reloads() -> u32 {
    setting("SLUICE_RELOADS", 40)
}

fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |number| number.parse().unwrap())
}

/// The script of an edition; it differs in length, names and constants from its neighbours.
fn script(edition: u32, head: &str) -> String {
    let filler: String = (0..edition % 7)
        .map(|n| format!("    xlog(\"L_DBG\", \"{edition}.{n} $ci $rm\");\n"))
        .collect();
    let good = format!(
        "{head}route {{\n{filler}    append_to_reply(\"X-First: {edition}\\r\\n\");\n    \
         $var(of_{}) = \"{edition}\";\n    if ($ci =~ \"^slow\") usleep(30000);\n    \
         route(rest_{edition});\n}}\n\n\
         route[rest_{edition}] {{\n    if (!ds_select_dst(1, 4)) exit;\n    \
         append_to_reply(\"X-Destination: $du\\r\\n\");\n    \
         sl_send_reply(200, \"edition {edition} $var(of_{})\");\n}}\n",
        edition % 5,
        edition % 5,
    );
    if edition.is_multiple_of(2) { good } else { spoilt(&good, edition / 2) }
}

/// A script that must be refused, each time for another reason.
fn spoilt(good: &str, reason: u32) -> String {
    match reason % 6 {
        0 => good[..good.len() * 2 / 3].to_owned(),
        1 => good.replacen("usleep(30000);", "usleep(30000)", 1),
        2 => good.replacen("exit;", "exeunt();", 1),
        3 => good.replacen("\"flags\", 2", "\"flags\", 3", 1),
        4 => format!("{good}\ncheck_via=1\n"),
        _ => format!("{good}\ninclude_file \"nowhere.cfg\"\n"),
    }
}

/// A list; the bad ones hold destinations of a network of their own.
fn list(number: u32) -> String {
    let of = |net: &str| (1..=3).map(|n| format!("1 sip:10.{net}.{n}\n")).collect::<String>();
    if list_is_good(number) {
        of(&format!("0.{}", number % 250))
    } else {
        format!("{}1 sip:10.99.0.4 no flags\n", of("99.0"))
    }
}

fn list_is_good(number: u32) -> bool {
    number % 4 < 2
}

/// Which editions may answer.
#[derive(Default)]
struct Editions {
    /// The last one whose reload has been confirmed.
    confirmed: AtomicU32,
    /// The last one that has been tried.
    tried: AtomicU32,
    /// No more messages.
    over: AtomicBool,
}

/// Ends the load, also of a test that fails.
struct Over<'a>(&'a Editions);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Release);
    }
}

/// What came of the load.
#[derive(Default, Debug)]
struct Tally {
    sent: u32,
    answered: u32,
    /// Replies that no single edition can have given.
    mixed: Vec<String>,
    /// Of which editions there were replies.
    seen: HashMap<u32, u32>,
}

/// Sends requests and looks at the replies until it is over and all are answered, or nothing more
/// comes.
fn load(gateway: SocketAddr, editions: &Editions) -> Tally {
    let agent = Agent::new();
    let mut tally = Tally::default();
    // By Call-ID the edition that was in force when it was sent, at least.
    let mut open: HashMap<String, u32> = HashMap::new();
    let (begin, rate) = (Instant::now(), f64::from(setting("SLUICE_RATE", RATE)));
    let mut heard = begin;
    loop {
        let over = editions.over.load(Ordering::Acquire);
        if over && (open.is_empty() || heard.elapsed() > PATIENCE) {
            return tally;
        }
        let due = (begin.elapsed().as_secs_f64() * rate) as u32;
        while !over && tally.sent < due && open.len() < WINDOW {
            let kind = if tally.sent.is_multiple_of(SLOW) { "slow" } else { "quick" };
            let call_id = format!("{kind}-{}", tally.sent);
            let request = Request { call_id: &call_id, ..Request::default() };
            let text = request.text(agent.address());
            open.insert(call_id, editions.confirmed.load(Ordering::Acquire));
            agent.send(gateway, text);
            tally.sent += 1;
        }
        while let Some((reply, _)) = agent.try_receive() {
            heard = Instant::now();
            let tried = editions.tried.load(Ordering::Acquire);
            let since = open.remove(&headers(&reply, "Call-ID").concat());
            tally.answered += u32::from(since.is_some());
            match since.and_then(|since| judge(&reply, since, tried)) {
                Some(edition) => *tally.seen.entry(edition).or_default() += 1,
                None => tally.mixed.push(reply),
            }
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}

/// The edition that gave a reply, if it is one and the same good one everywhere, and one that may
/// have been in force.
fn judge(reply: &str, since: u32, tried: u32) -> Option<u32> {
    let [first] = headers(reply, "X-First")[..] else { return None };
    let edition: u32 = first.parse().ok()?;
    let whole = first_line(reply) == format!("SIP/2.0 200 edition {edition} {edition}");
    let [destination] = headers(reply, "X-Destination")[..] else { return None };
    let listed = destination.starts_with("sip:10.0.");
    let in_force = edition.is_multiple_of(2) && (since..=tried).contains(&edition);
    (whole && listed && in_force).then_some(edition)
}

/// The program, and the top of its script.
struct Program {
    told: Told,
    head: String,
}

impl Program {
    fn start() -> Self {
        let folder = Folder::new();
        let head = format!(
            "{}loadmodule \"sl.so\"\nloadmodule \"cfgutils.so\"\nloadmodule \"dispatcher.so\"\n\
             loadmodule \"textops.so\"\nmodparam(\"dispatcher\", \"list_file\", \"test.list\")\n\
             modparam(\"dispatcher\", \"flags\", 2)\n\n",
            fifo_lines(&folder)
        );
        folder.write("test.list", &list(0));
        folder.write("test.cfg", &script(0, &head));
        Self { told: Told::start(folder, &["-f", "test.cfg", "-n", "2"], ""), head }
    }

    /// Resident memory, KiB.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.told.running.id()));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Reloads routes and list once; whether the answers are right.
    fn reload(&self, number: u32, editions: &Editions) {
        self.told.folder.write("test.cfg", &script(number, &self.head));
        editions.tried.store(number, Ordering::Release);
        match (number.is_multiple_of(2), self.told.command("reload_routes")) {
            (true, Ok(_)) => editions.confirmed.store(number, Ordering::Release),
            (false, Err(why)) => assert!(why.contains("test.cfg:"), "{why}"),
            (_, answer) => panic!("edition {number}: {answer:?}"),
        }
        self.told.folder.write("test.list", &list(number));
        match (list_is_good(number), self.told.command("ds_reload")) {
            (true, Ok(_)) => {}
            (false, Err(why)) => assert!(why.contains("test.list:4:"), "{why}"),
            (_, answer) => panic!("list {number}: {answer:?}"),
        }
        std::thread::sleep(PAUSE);
    }
}

#[test]
fn no_message_is_lost_or_mixed_and_memory_does_not_grow() {
    let (program, editions, reloads) = (Program::start(), Editions::default(), reloads());
    let (tally, memory) = std::thread::scope(|scope| {
        let load = scope.spawn(|| load(program.told.address, &editions));
        let over = Over(&editions);
        let mut memory = [0, 0];
        for number in 1..=reloads {
            program.reload(number, &editions);
            if number == reloads / 10 {
                memory[0] = program.resident();
            }
        }
        memory[1] = program.resident();
        drop(over);
        (load.join().unwrap(), memory)
    });
    let lost = tally.sent - tally.answered;
    let limit = memory[0] + (memory[0] / 50).max(1024);
    println!(
        "{reloads} reloads of the routes and {reloads} of the list, half of them refused, under {} \
         messages that {} editions answered: lost = {lost}, mixed = {}; resident memory {} KiB \
         after a tenth, {} KiB at the end (limit {limit} KiB)",
        tally.sent,
        tally.seen.len(),
        tally.mixed.len(),
        memory[0],
        memory[1],
    );
    assert!(tally.sent > reloads && tally.seen.len() as u32 > reloads / 4, "{tally:?}");
    assert_eq!((lost, tally.mixed.first()), (0, None));
    assert!(reloads < SETTLED || memory[1] <= limit, "memory grows");
}
