//! A strict reader of Prometheus' text format 0.0.4, for tests: whatever the format forbids, or
//! Prometheus refuses, is a mistake with its line.

use std::collections::{BTreeMap, HashMap, HashSet};

/// Labels of a sample, by name.
pub type Labels = BTreeMap<String, String>;

/// What a page holds.
#[derive(Debug, Default)]
pub struct Exposition {
    /// Kinds by name.
    pub kinds: HashMap<String, String>,
    /// Samples in their order.
    pub samples: Vec<(String, Labels, f64)>,
}

impl Exposition {
    /// The value of a sample.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let wanted: Labels =
            labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let found = self.samples.iter().find(|(n, l, _)| n == name && *l == wanted);
        found.map(|(_, _, value)| *value)
    }
}

/// Reads a page; the error is its first mistake.
pub fn read(text: &str) -> Result<Exposition, String> {
    let mut page = Exposition::default();
    let (mut helped, mut ended) = (HashSet::new(), HashSet::new());
    let mut seen = HashSet::new();
    let mut family = String::new();
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }
    for (at, line) in text.lines().enumerate() {
        let wrong = |what: &str| Err(format!("line {}: {what}: {line}", at + 1));
        let (name, described) = match line.strip_prefix("# ") {
            Some(comment) => {
                let mut words = comment.splitn(3, ' ');
                let (word, name) = (words.next(), words.next().unwrap_or_default());
                let rest = words.next().unwrap_or_default();
                match word {
                    Some("HELP") if unescape(rest, false).is_none() => return wrong("bad escape"),
                    Some("HELP") if !helped.insert(name.to_owned()) => return wrong("HELP again"),
                    Some("HELP") => {}
                    Some("TYPE") if !is_kind(rest) => return wrong("no such type"),
                    Some("TYPE") => {
                        if page.kinds.insert(name.to_owned(), rest.to_owned()).is_some() {
                            return wrong("TYPE again");
                        }
                    }
                    _ => return wrong("a comment of ours is HELP or TYPE"),
                }
                (name.to_owned(), true)
            }
            None => {
                let Some((name, labels, value)) = sample(line) else { return wrong("no sample") };
                if !seen.insert((name.clone(), labels.clone())) {
                    return wrong("the same series again");
                }
                page.samples.push((name.clone(), labels, value));
                (name, false)
            }
        };
        if !is_name(&name, ":") {
            return wrong("no name");
        }
        let of = family_of(&name, &page.kinds);
        if of != family {
            if !ended.insert(of.clone()) {
                return wrong("the lines of a name do not follow each other");
            }
            if !described && !page.kinds.contains_key(&of) {
                return wrong("no type in front of it");
            }
            family = of;
        }
    }
    values(&page)?;
    Ok(page)
}

/// The name that a sample belongs to: of a histogram, the one without its ending.
fn family_of(name: &str, kinds: &HashMap<String, String>) -> String {
    let endings = ["_bucket", "_sum", "_count"];
    let bare = endings.iter().find_map(|ending| name.strip_suffix(ending));
    let histogram = bare.filter(|bare| kinds.get(*bare).is_some_and(|kind| kind == "histogram"));
    histogram.unwrap_or(name).to_owned()
}

fn is_kind(word: &str) -> bool {
    ["counter", "gauge", "histogram", "untyped"].contains(&word)
}

fn is_name(name: &str, more: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || more.contains(c);
    let mut chars = name.chars();
    chars.next().is_some_and(letter) && chars.all(|c| letter(c) || c.is_ascii_digit())
}

/// `name{key="value",...} value`.
fn sample(line: &str) -> Option<(String, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (key, quoted) = rest.split_once("=\"")?;
            let close = close(quoted)?;
            let value = unescape(&quoted[..close], true)?;
            if !is_name(key, "") || labels.insert(key.to_owned(), value).is_some() {
                return None;
            }
            rest = &quoted[close + 1..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = match rest.strip_prefix(' ')? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            number.parse().ok()?
        }
        _ => return None,
    };
    Some((name.to_owned(), labels, value))
}

/// Where the quote stands that ends a value.
fn close(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    quoted.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

fn unescape(text: &str, quotes: bool) -> Option<String> {
    let (mut out, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        match (c, quotes) {
            ('\\', _) => match chars.next()? {
                '\\' => out.push('\\'),
                'n' => out.push('\n'),
                '"' if quotes => out.push('"'),
                _ => return None,
            },
            ('"', true) => return None,
            _ => out.push(c),
        }
    }
    Some(out)
}

/// Counters are not negative, and histograms are whole.
fn values(page: &Exposition) -> Result<(), String> {
    let mut buckets: HashMap<(String, Labels), Vec<(f64, f64)>> = HashMap::new();
    for (name, labels, value) in &page.samples {
        let family = family_of(name, &page.kinds);
        match page.kinds.get(&family).map(String::as_str) {
            Some("counter") if value.is_nan() || *value < 0.0 => {
                return Err(format!("{name} is negative"));
            }
            Some("histogram") if name.ends_with("_bucket") => {
                let mut of = labels.clone();
                let bound = of.remove("le").ok_or(format!("{name} without le"))?;
                let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() };
                buckets.entry((family, of)).or_default().push((bound, *value));
            }
            _ => {}
        }
    }
    for ((name, labels), of) in buckets {
        let ascending = of.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1);
        let value = |ending: &str| {
            let whole = format!("{name}{ending}");
            page.samples.iter().find(|(n, l, _)| *n == whole && *l == labels).map(|s| s.2)
        };
        let last = of.last().copied();
        if !ascending || last.map(|(bound, _)| bound) != Some(f64::INFINITY) {
            return Err(format!("the buckets of {name} are no histogram: {of:?}"));
        }
        if value("_sum").is_none() || value("_count") != last.map(|(_, count)| count) {
            return Err(format!("{name} without its sum or count"));
        }
    }
    Ok(())
}

#[test]
fn the_reader_is_strict() {
    let good = "# HELP a b\\\\c\n# TYPE a counter\na{x=\"\\\"\\n\"} 1\na 2\n# TYPE h histogram\n\
                h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3.5\nh_count 2\n";
    let page = read(good).unwrap();
    assert_eq!(page.value("a", &[("x", "\"\n")]), Some(1.0));
    for (bad, why) in [
        ("a 1\n", "no type in front"),
        ("# TYPE a counter\na 1", "does not end"),
        ("# TYPE a counter\n\na 1\n", "no sample"),
        ("# TYPE a counter\na -1\n", "is negative"),
        ("# TYPE a counter\na x\n", "no sample"),
        ("# TYPE a counter\na 1\na 1\n", "the same series again"),
        ("# TYPE a counter\n# TYPE a counter\n", "TYPE again"),
        ("# TYPE a count\n", "no such type"),
        ("# TYPE a-b counter\n", "no name"),
        ("# TYPE a counter\na{x=\"\\q\"} 1\n", "no sample"),
        ("# TYPE a counter\na{x=\"1\",x=\"2\"} 1\n", "no sample"),
        ("# TYPE a counter\na{x:y=\"1\"} 1\n", "no sample"),
        ("# TYPE a counter\na 1\n# TYPE b counter\nb 1\na{x=\"1\"} 1\n", "do not follow"),
        ("# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n", "no histogram"),
        ("# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n", "sum or count"),
    ] {
        let found = read(bad).unwrap_err();
        assert!(found.contains(why), "{bad}: {found}");
    }
}
