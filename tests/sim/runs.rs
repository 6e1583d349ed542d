//! Runs: a few seeds in the ordinary tests, one seed again, or as many as asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fault::Fault;
use crate::link::{WEATHERS, Weather};
use crate::plan::draw;
use crate::sluice::ADDRESS;
use crate::world::{Report, Setting, run};
use crate::{ladder, pcap};

/// Calls of each run.
const CALLS: u32 = 300;

/// A run that must hold; else what did not, and how to see it again.
fn sound(seed: u64, weather: Weather) -> Result<Report, String> {
    let report = run(Setting {
        seed,
        weather,
        fault: Fault::None,
        plans: draw(seed, CALLS),
        loss: None,
        outage: None,
    });
    if report.violations.is_empty() {
        return Ok(report);
    }
    let name = weather.name;
    let mut text = format!("seed {seed}, {name}: {} violations\n", report.violations.len());
    for violation in report.violations.iter().take(12) {
        let plan = violation.call.and_then(|call| report.plans.get(call as usize));
        text += &format!("  {violation} {}\n", plan.map_or("", |plan| plan.kind));
    }
    let written = write(&report, seed, weather);
    Err(format!(
        "{text}written: {0}.txt, {0}.pcap\nagain: SLUICE_SEED={seed} SLUICE_WEATHER={name} \
         cargo test -p sluice-tests --test sim replay",
        written.with_extension("").display(),
    ))
}

/// Writes the ladder diagram of the first failing call, and all datagrams as pcap.
fn write(report: &Report, seed: u64, weather: Weather) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sim");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    let file = folder.join(format!("{}-{seed}.txt", weather.name));
    let call = report.violations.iter().find_map(|violation| violation.call).unwrap_or(0);
    let plan = report.plans.get(call as usize);
    let diagram = ladder::draw(&report.trace, call, ADDRESS.into());
    let happened: String = report.violations.iter().map(|one| format!("{one}\n")).collect();
    std::fs::write(&file, format!("{happened}\n{plan:#?}\n\n{diagram}")).expect("written");
    std::fs::write(file.with_extension("pcap"), pcap::write(&report.trace)).expect("written");
    file
}

macro_rules! weathers {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            let weather = Weather::named(stringify!($name)).expect("known");
            for seed in 1..=SEEDS {
                sound(seed, weather).unwrap_or_else(|why| panic!("{why}"));
            }
        }
    )* };
}

/// So many runs take each transition a hundred times.
const MANY: u64 = 700;

/// Seeds of each weather in the ordinary tests.
const SEEDS: u64 = 2;

weathers! { calm loss5 loss20 loss40 reorder duplicate corrupt }

/// The seed and the weather that the environment names, once more.
#[test]
fn replay() {
    let Ok(seed) = std::env::var("SLUICE_SEED") else { return };
    let weather = std::env::var("SLUICE_WEATHER").unwrap_or("calm".to_owned());
    let weather = Weather::named(&weather).expect("a weather");
    let report = sound(seed.parse().expect("a number"), weather);
    println!("{} datagrams", report.unwrap_or_else(|why| panic!("{why}")).datagrams);
}

/// The same seed gives the same run: as many datagrams at the same times, and the same steps.
#[test]
fn a_run_is_a_function_of_its_seed() {
    let once = || {
        let weather = Weather::named("loss20").expect("known");
        let report = sound(9, weather).unwrap_or_else(|why| panic!("{why}"));
        let entries = report.trace.entries.into_iter();
        let what = entries.map(|entry| (entry.at_ms, entry.from, entry.to, entry.bytes.len()));
        (what.collect::<Vec<_>>(), report.taken, report.outcomes)
    };
    assert!(once() == once());
}

/// What several runs have shown together.
#[derive(Default)]
struct Sum {
    runs: u64,
    datagrams: u64,
    taken: BTreeMap<String, u64>,
    failures: Vec<String>,
}

/// As many seeds as `SLUICE_SEEDS` says in each weather, on all cores (`scripts/soak sim`).
#[test]
fn soak() {
    let Ok(seeds) = std::env::var("SLUICE_SEEDS") else { return };
    let seeds: u64 = seeds.parse().expect("a number");
    let (next, sum) = (AtomicU64::new(0), Mutex::new(Sum::default()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let (seed, weather) = (number / WEATHERS.len() as u64, number % WEATHERS.len() as u64);
            if seed >= seeds {
                return;
            }
            let result = sound(seed, WEATHERS[weather as usize]);
            sum.lock().expect("no panic").add(result);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..cores).for_each(|_| _ = scope.spawn(work)));
    sum.into_inner().expect("no panic").tell();
}

impl Sum {
    fn add(&mut self, result: Result<Report, String>) {
        self.runs += 1;
        match result {
            Ok(report) => {
                self.datagrams += report.datagrams;
                for (row, count) in report.taken {
                    *self.taken.entry(row).or_default() += count;
                }
            }
            Err(why) => self.failures.push(why),
        }
    }

    fn tell(&self) {
        let mut rows: Vec<_> = self.taken.iter().collect();
        rows.sort_by_key(|(_, count)| **count);
        for (row, count) in &rows {
            println!("{count:>12}  {row}");
        }
        let (least, Self { runs, datagrams, failures, .. }) = (rows.first(), self);
        let least = least.map_or(0, |(_, count)| **count);
        println!(
            "{runs} runs, {} calls, {datagrams} datagrams, {} failures; each of {} transitions \
             was taken at least {least} times",
            runs * u64::from(CALLS),
            failures.len(),
            rows.len(),
        );
        let first: Vec<&str> = failures.iter().take(5).map(String::as_str).collect();
        assert!(failures.is_empty(), "{}", first.join("\n"));
        let enough = *runs < MANY || least >= 100;
        assert!(enough, "a transition was taken {least} times only");
    }
}
