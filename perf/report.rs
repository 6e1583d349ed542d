//! What a run found, as a table for people and as CSV for the record.
//!
//! Ratios are made within a round and their median is shown, since the machine drifts between
//! rounds; a ratio of two medians would mix minutes.

use std::fmt::Write as _;

use crate::subject::Subject;
use crate::usage::Memory;

/// Latency of one way, from the time a message was due to its arrival; microseconds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Latency {
    /// Half of the messages were faster.
    pub p50_us: f64,
    /// 99 of 100 were.
    pub p99_us: f64,
}

/// What one subject showed in one round.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Row {
    /// The round, from 1.
    pub round: u32,
    /// Who.
    pub subject: Subject,
    /// Processor time a message when saturated, in the program; microseconds.
    pub user_us: f64,
    /// The same in the kernel.
    pub system_us: f64,
    /// The highest rate without loss, messages a second.
    pub rate: u32,
    /// Whether the generator gave out before the subject: then `rate` is a lower bound.
    pub generator_bound: bool,
    /// Latency at 30 % of that rate.
    pub at_30: Latency,
    /// Latency at 70 % of it.
    pub at_70: Latency,
    /// Memory of the process tree after all that.
    pub memory: Memory,
}

/// What a subject cost in a round, whatever the work was.
pub trait Cost: Copy {
    /// The round, from 1.
    fn round(&self) -> u32;
    /// Who.
    fn subject(&self) -> Subject;
    /// Processor time a message when saturated, in the program and in the kernel; microseconds.
    fn user_system_us(&self) -> (f64, f64);
    /// Whether the generator was the limit.
    fn generator_bound(&self) -> bool;

    /// Processor time a message in all.
    fn cpu_us(&self) -> f64 {
        let (user, system) = self.user_system_us();
        user + system
    }
}

impl Cost for Row {
    fn round(&self) -> u32 {
        self.round
    }

    fn subject(&self) -> Subject {
        self.subject
    }

    fn user_system_us(&self) -> (f64, f64) {
        (self.user_us, self.system_us)
    }

    fn generator_bound(&self) -> bool {
        self.generator_bound
    }
}

/// A further column: its title, what it shows of a row, with how many decimals.
pub type Column<R> = (&'static str, fn(&R) -> f64, usize);

/// The columns of the stateless work.
pub const COLUMNS: &[Column<Row>] = &[
    ("msgs/s", |row| f64::from(row.rate), 0),
    ("p50@30%", |row| row.at_30.p50_us, 1),
    ("p99@30%", |row| row.at_30.p99_us, 1),
    ("p50@70%", |row| row.at_70.p50_us, 1),
    ("p99@70%", |row| row.at_70.p99_us, 1),
    ("RSS kB", |row| row.memory.rss_kb as f64, 0),
    ("PSS kB", |row| row.memory.pss_kb as f64, 0),
];

/// The subjects of a run in the order of the tables.
pub fn subjects<R: Cost>(rows: &[R]) -> Vec<Subject> {
    let mut found: Vec<Subject> = rows.iter().map(Cost::subject).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The median of a figure over the rounds of one subject; 0 without rounds.
pub fn median_of<R: Cost>(rows: &[R], subject: Subject, figure: impl Fn(&R) -> f64) -> f64 {
    median(rows.iter().filter(|row| row.subject() == subject).map(figure).collect())
}

/// The median over the rounds of how many times `base`'s time a message takes; `None` when they
/// share no round.
pub fn ratio<R: Cost>(rows: &[R], subject: Subject, base: Subject) -> Option<f64> {
    let of_base = |round| rows.iter().find(|row| row.subject() == base && row.round() == round);
    let own = rows.iter().filter(|row| row.subject() == subject);
    let ratios: Vec<f64> =
        own.filter_map(|row| Some(row.cpu_us() / of_base(row.round())?.cpu_us())).collect();
    (!ratios.is_empty()).then(|| median(ratios))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(0.0);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    f64::midpoint(lower, upper)
}

/// Every row, for the record; the machine goes into comment lines above.
pub fn csv<R: Cost>(machine: &[String], rows: &[R], columns: &[Column<R>]) -> String {
    let mut text = String::new();
    for line in machine {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str("round,subject,cpu_us,user_us,system_us,of_reference,generator_bound");
    for (title, ..) in columns {
        let _ = write!(text, ",{title}");
    }
    text.push('\n');
    for row in rows {
        let round: Vec<R> =
            rows.iter().filter(|other| other.round() == row.round()).copied().collect();
        let multiple = ratio(&round, row.subject(), Subject::Reference);
        let multiple = multiple.map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let (user_us, system_us) = row.user_system_us();
        let _ = write!(
            text,
            "{},{},{:.3},{user_us:.3},{system_us:.3},{multiple},{}",
            row.round(),
            row.subject().name(),
            row.cpu_us(),
            row.generator_bound(),
        );
        for (_, figure, decimals) in columns {
            let _ = write!(text, ",{:.decimals$}", figure(row));
        }
        text.push('\n');
    }
    text
}

/// Medians, one line a subject, and ratios.
pub fn table<R: Cost>(rows: &[R], columns: &[Column<R>]) -> String {
    let mut text = format!("\nmedians     {:>7}", "x ref");
    for title in ["cpu us", "user", "system"].iter().chain(columns.iter().map(|(t, ..)| t)) {
        let _ = write!(text, "{title:>10}");
    }
    text.push('\n');
    let mut bounded = Vec::new();
    for subject in subjects(rows) {
        let multiple = ratio(rows, subject, Subject::Reference);
        let multiple = multiple.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let _ = write!(text, "{:<12}{multiple:>7}", subject.name());
        let cost: [fn(&R) -> f64; 3] =
            [R::cpu_us, |row| row.user_system_us().0, |row| row.user_system_us().1];
        for figure in cost {
            let _ = write!(text, "{:>10.2}", median_of(rows, subject, figure));
        }
        for (_, figure, decimals) in columns {
            let _ = write!(text, "{:>10.decimals$}", median_of(rows, subject, figure));
        }
        text.push('\n');
        if rows.iter().any(|row| row.subject() == subject && row.generator_bound()) {
            bounded.push(subject.name());
        }
    }
    if !bounded.is_empty() {
        let names = bounded.join(", ");
        let _ =
            writeln!(text, "the generator gave out first: the rate is a lower bound of {names}");
    }
    for (subject, base) in [
        (Subject::Sluice, Subject::Kamailio),
        (Subject::Sluice, Subject::KamailioAuthDb),
        (Subject::Reference, Subject::ReferenceC),
    ] {
        if let Some(ratio) = ratio(rows, subject, base) {
            let (subject, base) = (subject.name(), base.name());
            let _ = writeln!(text, "CPU of {subject} is {ratio:.2} of {base}'s");
        }
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row whose other figures follow from its time a message.
    pub(crate) fn row(round: u32, subject: Subject, cpu_us: f64) -> Row {
        let latency = |p50_us| Latency { p50_us, p99_us: p50_us * 4.0 };
        Row {
            round,
            subject,
            user_us: cpu_us / 4.0,
            system_us: cpu_us * 3.0 / 4.0,
            rate: (1e6 / cpu_us) as u32,
            generator_bound: false,
            at_30: latency(20.0),
            at_70: latency(30.0),
            memory: Memory { rss_kb: 4_000, pss_kb: 3_000 },
        }
    }

    #[test]
    fn ratios_are_made_within_rounds() {
        // The machine is twice as slow in round 2; a ratio of medians would say otherwise.
        let rows = [
            row(1, Subject::Reference, 3.0),
            row(1, Subject::Sluice, 4.5),
            row(2, Subject::Reference, 6.0),
            row(2, Subject::Sluice, 9.0),
            row(3, Subject::Sluice, 100.0),
        ];
        assert_eq!(ratio(&rows, Subject::Sluice, Subject::Reference), Some(1.5));
        assert_eq!(ratio(&rows, Subject::Sluice, Subject::Kamailio), None);
    }

    #[test]
    fn medians_of_odd_even_and_none() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 9.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn the_record_has_a_line_for_each_row() {
        let rows = [row(1, Subject::Reference, 4.0), row(1, Subject::Kamailio, 8.0)];
        let text = csv(&["two processors".to_owned()], &rows, COLUMNS);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "# two processors");
        let columns = |line: &str| line.split(',').count();
        assert_eq!((columns(lines[1]), columns(lines[2])), (14, 14));
        assert!(lines[3].starts_with("1,kamailio,8.000,2.000,6.000,2.000,false,125000,20.0,80.0,"));
    }

    #[test]
    fn the_table_names_what_the_generator_bounds() {
        let mut rows = [row(1, Subject::Reference, 4.0), row(1, Subject::Kamailio, 8.0)];
        assert!(!table(&rows, COLUMNS).contains("lower bound"));
        rows[0].generator_bound = true;
        let text = table(&rows, COLUMNS);
        assert!(text.contains("lower bound of reference\n"), "{text}");
        let kamailio = text.lines().find(|line| line.starts_with("kamailio"));
        let figures: Vec<&str> = kamailio.unwrap_or_default().split_whitespace().collect();
        assert_eq!(figures[..5], ["kamailio", "2.00", "8.00", "2.00", "6.00"]);
    }
}
