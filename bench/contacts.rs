//! What a REGISTER of a known user and a look-up cost with 10,000 and with 1,000,000 contacts, and
//! whether workers disturb each other: two threads look up at once, every hundredth time they
//! refresh instead. Together they must reach 1.8 times the rate of one alone; else the bench fails.
//! Needs two idle CPUs.

#![allow(clippy::expect_used, reason = "a bench that cannot run has nothing to measure")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sluice_bench::registrar::{BATCH, Registrar};
use sluice_modules::usrloc::api::{Contact, Fixed, Table};
use sluice_modules::usrloc::edit::Order;

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(300);
const FEW: usize = 10_000;
const MANY: usize = 1_000_000;
/// Messages of one measurement.
const MESSAGES: usize = 64_000;
const WANTED: f64 = 1.8;

fn main() {
    // `cargo test` runs benches too, on machines that are busy: then it only must run.
    let in_earnest = std::env::args().any(|argument| argument == "--bench");
    let (few, many) = if in_earnest { (FEW, MANY) } else { (100, 1_000) };
    cost(few, many, if in_earnest { ROUNDS } else { 1 });
    let table = filled(many);
    if !in_earnest {
        println!("one round: {:.2} times", round(&table, many));
        return;
    }
    let factor = median((0..ROUNDS).map(|_| round(&table, many)).collect());
    println!("two threads reach {factor:.2} times the rate of one");
    if factor < WANTED {
        println!("at least {WANTED} was wanted");
        std::process::exit(1);
    }
}

/// Prints nanoseconds of few and of many, and the median ratio of rounds, by turns.
fn cost(few: usize, many: usize, rounds: usize) {
    let mut registrars = [few, many].map(|users| (registered(users), users));
    for (name, is_register) in [("refresh", true), ("look-up", false)] {
        let mut took = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            for ((registrar, users), took) in registrars.iter_mut().zip(&mut took) {
                took.push(nanoseconds(registrar, *users, is_register));
            }
        }
        let ratios = took[1].iter().zip(&took[0]).map(|(many, few)| many / few).collect();
        let ratio = median(ratios);
        let [of_few, of_many] = took.map(median);
        println!("{name}: {of_few:.0} ns of {few}, {of_many:.0} of {many}: {ratio:.2} times");
    }
}

fn registered(users: usize) -> Registrar {
    let mut registrar = Registrar::default();
    for first in (0..users).step_by(BATCH) {
        registrar.prepare_register(first..(first + BATCH).min(users));
        registrar.turn();
    }
    registrar
}

/// Of a message of random users; writing the messages is not counted.
fn nanoseconds(registrar: &mut Registrar, users: usize, is_register: bool) -> f64 {
    let mut random = Random(42);
    let mut took = Duration::ZERO;
    for _ in 0..MESSAGES / BATCH {
        let batch: Vec<usize> = (0..BATCH).map(|_| random.below(users)).collect();
        match is_register {
            true => registrar.prepare_register(batch.into_iter()),
            false => registrar.prepare_lookup(batch.into_iter()),
        }
        let begin = Instant::now();
        let sent = black_box(registrar.turn());
        took += begin.elapsed();
        assert_eq!(sent, if is_register { BATCH } else { 0 }, "replies, and 404 of none");
    }
    took.as_nanos() as f64 / MESSAGES as f64
}

fn aor(user: usize) -> [u8; 22] {
    let mut aor = *b"u000000000000000000000";
    let mut rest = user;
    for digit in aor.iter_mut().rev().take(9) {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    aor
}

fn contact(cseq: u32) -> Contact<'static> {
    let fixed = Fixed { cseq, expires: 7_200, ..Fixed::default() };
    Contact {
        uri: b"sip:u00000000000000000000@127.0.0.1:",
        call_id: &[b'c'; 36],
        fixed,
        ..Contact::default()
    }
}

fn filled(users: usize) -> Table {
    let table = Table::new("location", 0, None);
    for user in 0..users {
        table.edit(&aor(user), Order::ByQ, None, |edit| edit.insert(&contact(1)));
    }
    table
}

/// How many times the rate of one thread two reach, measured one after the other.
fn round(table: &Table, users: usize) -> f64 {
    let alone = rate(table, users, 1);
    let both: f64 = std::thread::scope(|scope| {
        let other = scope.spawn(|| rate(table, users, 2));
        rate(table, users, 3) + other.join().expect("no panic")
    });
    both / alone
}

/// Operations a second of one thread.
fn rate(table: &Table, users: usize, seed: u64) -> f64 {
    let mut random = Random(seed);
    let begin = Instant::now();
    let mut count = 0;
    while begin.elapsed() < ROUND {
        for step in 0..100 {
            let aor = aor(random.below(users));
            if step == 0 {
                table.edit(&aor, Order::ByQ, None, |edit| edit.update(0, &contact(count)));
            } else {
                let found = table.look(&aor, |record| record?.contacts().next().map(|c| c.fixed));
                assert!(black_box(found).is_some());
            }
            count += 1;
        }
    }
    f64::from(count) / begin.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Numbers that look random (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % end
    }
}
