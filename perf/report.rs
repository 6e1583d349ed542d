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

impl Row {
    /// Processor time a message in all.
    pub fn cpu_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}

/// The subjects of a run in the order of the tables.
pub fn subjects(rows: &[Row]) -> Vec<Subject> {
    let mut found: Vec<Subject> = rows.iter().map(|row| row.subject).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The median of a figure over the rounds of one subject; 0 without rounds.
pub fn median_of(rows: &[Row], subject: Subject, figure: impl Fn(&Row) -> f64) -> f64 {
    median(rows.iter().filter(|row| row.subject == subject).map(figure).collect())
}

/// The median over the rounds of how many times `base`'s time a message takes; `None` when they
/// share no round.
pub fn ratio(rows: &[Row], subject: Subject, base: Subject) -> Option<f64> {
    let of_base = |round| rows.iter().find(|row| row.subject == base && row.round == round);
    let own = rows.iter().filter(|row| row.subject == subject);
    let ratios: Vec<f64> =
        own.filter_map(|row| Some(row.cpu_us() / of_base(row.round)?.cpu_us())).collect();
    (!ratios.is_empty()).then(|| median(ratios))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied().unwrap_or(0.0);
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0);
    f64::midpoint(lower, upper)
}

/// Every row, for the record; the machine goes into comment lines above.
pub fn csv(machine: &[String], rows: &[Row]) -> String {
    let mut text = String::new();
    for line in machine {
        let _ = writeln!(text, "# {line}");
    }
    text.push_str("round,subject,cpu_us,user_us,system_us,of_reference,rate,generator_bound,");
    text.push_str("p50_at_30_us,p99_at_30_us,p50_at_70_us,p99_at_70_us,rss_kb,pss_kb\n");
    for row in rows {
        let round: Vec<Row> =
            rows.iter().filter(|other| other.round == row.round).copied().collect();
        let multiple = ratio(&round, row.subject, Subject::Reference);
        let multiple = multiple.map_or(String::new(), |ratio| format!("{ratio:.3}"));
        let _ = writeln!(
            text,
            "{},{},{:.3},{:.3},{:.3},{multiple},{},{},{:.1},{:.1},{:.1},{:.1},{},{}",
            row.round,
            row.subject.name(),
            row.cpu_us(),
            row.user_us,
            row.system_us,
            row.rate,
            row.generator_bound,
            row.at_30.p50_us,
            row.at_30.p99_us,
            row.at_70.p50_us,
            row.at_70.p99_us,
            row.memory.rss_kb,
            row.memory.pss_kb,
        );
    }
    text
}

/// A column of the table: its title, what it shows of a row, with how many decimals.
type Column = (&'static str, fn(&Row) -> f64, usize);

const COLUMNS: &[Column] = &[
    ("cpu us", Row::cpu_us, 2),
    ("user", |row| row.user_us, 2),
    ("system", |row| row.system_us, 2),
    ("msgs/s", |row| f64::from(row.rate), 0),
    ("p50@30%", |row| row.at_30.p50_us, 1),
    ("p99@30%", |row| row.at_30.p99_us, 1),
    ("p50@70%", |row| row.at_70.p50_us, 1),
    ("p99@70%", |row| row.at_70.p99_us, 1),
    ("RSS MB", |row| row.memory.rss_kb as f64 / 1e3, 1),
    ("PSS MB", |row| row.memory.pss_kb as f64 / 1e3, 1),
];

/// Medians, one line a subject, and ratios.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!("\nmedians     {:>7}", "x ref");
    for (title, ..) in COLUMNS {
        let _ = write!(text, "{title:>9}");
    }
    text.push('\n');
    let mut bounded = Vec::new();
    for subject in subjects(rows) {
        let multiple = ratio(rows, subject, Subject::Reference);
        let multiple = multiple.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let _ = write!(text, "{:<12}{multiple:>7}", subject.name());
        for (_, figure, decimals) in COLUMNS {
            let _ = write!(text, "{:>9.decimals$}", median_of(rows, subject, figure));
        }
        text.push('\n');
        if rows.iter().any(|row| row.subject == subject && row.generator_bound) {
            bounded.push(subject.name());
        }
    }
    if !bounded.is_empty() {
        let names = bounded.join(", ");
        let _ = writeln!(text, "the generator gave out first: msgs/s is a lower bound of {names}");
    }
    for (subject, base) in
        [(Subject::Sluice, Subject::Kamailio), (Subject::Reference, Subject::ReferenceC)]
    {
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
        let text = csv(&["two processors".to_owned()], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "# two processors");
        let columns = |line: &str| line.split(',').count();
        assert_eq!((columns(lines[1]), columns(lines[2])), (14, 14));
        assert!(lines[3].starts_with("1,kamailio,8.000,2.000,6.000,2.000,125000,false,20.0,80.0,"));
    }

    #[test]
    fn the_table_names_what_the_generator_bounds() {
        let mut rows = [row(1, Subject::Reference, 4.0), row(1, Subject::Kamailio, 8.0)];
        assert!(!table(&rows).contains("lower bound"));
        rows[0].generator_bound = true;
        let text = table(&rows);
        assert!(text.contains("lower bound of reference\n"), "{text}");
        let kamailio = text.lines().find(|line| line.starts_with("kamailio"));
        let figures: Vec<&str> = kamailio.unwrap_or_default().split_whitespace().collect();
        assert_eq!(figures[..5], ["kamailio", "2.00", "8.00", "2.00", "6.00"]);
    }
}
