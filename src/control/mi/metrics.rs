//! Statistics and labelled series in the text format of Prometheus.
//!
//! Names are those that OpenSIPS' `prometheus` gives. Whatever the parameters ask for, what comes
//! out can be read: other characters in names become `_`, label values are escaped, a name is
//! described once, and where two groups have the same name its figures carry their group.

use std::collections::HashSet;
use std::fmt::{Display, Write};
use std::sync::Arc;

use sluice_engine::series::{Family, Figure, Series};

use super::Management;
use super::statistics::Reading;

/// Takes a group and the name of one of its statistics; gives another name, and labels as
/// `key="value",...`.
pub type Relabel = Arc<dyn Fn(&str, &str) -> Option<(String, String)> + Send + Sync>;

/// What is shown, and by which names.
#[derive(Clone)]
pub struct MetricsOptions {
    /// What names begin with.
    pub prefix: String,
    /// What stands before the group.
    pub group_prefix: String,
    /// What stands between the parts of a name.
    pub delimiter: String,
    /// The label that the group is in, with [`GroupMode::Label`].
    pub group_label: String,
    /// Where the group is.
    pub group_mode: GroupMode,
    /// `all`, groups with a colon behind, or names.
    pub statistics: Vec<String>,
    /// Names that are taken apart.
    pub relabel: Relabel,
    /// Whether the labelled series of modules are shown too.
    pub series: bool,
}

/// Where the group of a statistic is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupMode {
    /// Nowhere.
    None,
    /// In the name.
    Name,
    /// In a label.
    Label,
}

impl Management {
    /// The metrics, as Prometheus reads them. May block for a moment.
    pub fn metrics(&self, options: &MetricsOptions) -> String {
        let mut page = Page::default();
        let wanted: Vec<&str> = options.statistics.iter().map(String::as_str).collect();
        let readings = self.statistics.readings(&wanted, self.up().as_secs());
        for metric in named(options, readings) {
            page.metric(&metric, &options.group_label);
        }
        if options.series {
            self.statistics.series(&mut page);
        }
        page.text
    }

    /// Of such names those that no statistic has.
    pub fn unknown_statistics<'n>(&self, names: &'n [String]) -> Vec<&'n str> {
        let unknown = |name: &&str| !self.statistics.has(name);
        names.iter().map(String::as_str).filter(unknown).collect()
    }
}

/// All figures of one name.
struct Metric {
    name: String,
    doc: &'static str,
    figures: Vec<Statistic>,
}

struct Statistic {
    group: String,
    labels: Vec<(String, String)>,
    counter: bool,
    value: u64,
}

/// Readings by the names that they get, in the order of the first of each.
fn named(options: &MetricsOptions, readings: Vec<Reading>) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for reading in readings {
        let (counter, value, doc) = (reading.counter, reading.value, reading.doc);
        let renamed = (options.relabel)(reading.group, &reading.name)
            .and_then(|(name, labels)| Some((name, labels_of(&labels)?)));
        let (name, mut labels) = renamed.unwrap_or((reading.name, Vec::new()));
        let MetricsOptions { prefix, delimiter, group_prefix, .. } = options;
        let group = format!("{group_prefix}{}", reading.group);
        let name = name_of(&match options.group_mode {
            GroupMode::Name => format!("{prefix}{delimiter}{group}{delimiter}{name}"),
            _ => format!("{prefix}{delimiter}{name}"),
        });
        if options.group_mode == GroupMode::Label {
            labels.push((options.group_label.clone(), group.clone()));
        }
        let figure = Statistic { group, labels, counter, value };
        match metrics.iter_mut().find(|metric| metric.name == name) {
            Some(metric) => metric.figures.push(figure),
            None => metrics.push(Metric { name, doc, figures: vec![figure] }),
        }
    }
    metrics
}

/// `key="value"` or `key=value`, with commas between them; `None` for anything else.
fn labels_of(text: &str) -> Option<Vec<(String, String)>> {
    let mut labels: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (key, behind) = rest.split_once('=')?;
        let (value, behind) = match behind.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = behind.find(',').unwrap_or(behind.len());
                let (value, behind) = behind.split_at(end);
                (value.trim().to_owned(), behind)
            }
        };
        let key = name_of(key.trim()).replace(':', "_");
        if key == "_" || labels.iter().any(|(other, _)| *other == key) {
            return None;
        }
        labels.push((key, value));
        rest = behind.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    (!labels.is_empty()).then_some(labels)
}

/// A value up to its quote, and what stands behind that.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// A name that the format allows: letters, digits, `_` and `:`, and no digit first.
fn name_of(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let name: String = text.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    match name.chars().next() {
        Some(first) if !first.is_ascii_digit() => name,
        _ => format!("_{name}"),
    }
}

/// The text as it grows.
#[derive(Default)]
struct Page {
    text: String,
    /// Names that have been described.
    described: HashSet<String>,
    /// The name that figures of series go to.
    family: Option<Family>,
}

impl Page {
    fn metric(&mut self, metric: &Metric, group_label: &str) {
        let Metric { name, doc, figures } = metric;
        let counters = figures.iter().filter(|figure| figure.counter).count();
        let kind = match counters {
            0 => "gauge",
            all if all == figures.len() => "counter",
            _ => "untyped",
        };
        if !self.describe(name, doc, kind) {
            return;
        }
        let mut seen = HashSet::new();
        // Two groups may have the same name; a name that one group has twice is told once.
        let alike = figures.iter().any(|figure| !seen.insert(&figure.labels));
        let mut told = HashSet::new();
        for figure in figures {
            let mut labels: Vec<(&str, &str)> =
                figure.labels.iter().map(|(key, value)| (&**key, &**value)).collect();
            if alike && !labels.iter().any(|(key, _)| *key == group_label) {
                labels.push((group_label, &figure.group));
            }
            if told.insert(labels.clone()) {
                self.line(name, "", &labels, figure.value);
            }
        }
    }

    /// Begins a name; whether it is new.
    fn describe(&mut self, name: &str, doc: &str, kind: &str) -> bool {
        let new = self.described.insert(name.to_owned());
        if new {
            if !doc.is_empty() {
                let doc = doc.replace('\\', "\\\\").replace('\n', "\\n");
                let _ = writeln!(self.text, "# HELP {name} {doc}");
            }
            let _ = writeln!(self.text, "# TYPE {name} {kind}");
        }
        new
    }

    fn line(&mut self, name: &str, part: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{name}{part}");
        for (at, (key, value)) in labels.iter().enumerate() {
            self.text.push_str(if at == 0 { "{" } else { "," });
            let _ = write!(self.text, "{key}=\"");
            escape(value, &mut self.text);
            self.text.push('"');
        }
        self.text.push_str(if labels.is_empty() { "" } else { "}" });
        let _ = writeln!(self.text, " {value}");
    }
}

impl Series for Page {
    fn put(&mut self, family: &Family, labels: &[(&str, &str)], figure: Figure<'_>) {
        if self.family != Some(*family) {
            let kind = match figure {
                Figure::Counter(_) => "counter",
                Figure::Gauge(_) => "gauge",
                Figure::Histogram { .. } => "histogram",
            };
            // Figures of a name that came before cannot be added any more.
            if !self.describe(family.name, family.doc, kind) {
                return;
            }
            self.family = Some(*family);
        }
        let name = family.name;
        match figure {
            Figure::Counter(value) => self.line(name, "", labels, value),
            Figure::Gauge(value) => self.line(name, "", labels, Float(value)),
            Figure::Histogram { buckets, count, sum } => {
                for (bound, under) in buckets {
                    let bound = Float(*bound).to_string();
                    self.line(name, "_bucket", &[labels, &[("le", &bound)]].concat(), under);
                }
                self.line(name, "_bucket", &[labels, &[("le", "+Inf")]].concat(), count);
                self.line(name, "_sum", labels, Float(sum));
                self.line(name, "_count", labels, count);
            }
        }
    }
}

/// A number as the format writes it.
struct Float(f64);

impl Display for Float {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            value if value.is_infinite() && value > 0.0 => f.write_str("+Inf"),
            value if value.is_infinite() => f.write_str("-Inf"),
            value => write!(f, "{value}"),
        }
    }
}

fn escape(value: &str, out: &mut String) {
    for char in value.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
