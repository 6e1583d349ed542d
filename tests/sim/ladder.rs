//! The ladder diagram of one call, as text: a column for each who takes part, an arrow for each
//! datagram.

use std::net::SocketAddr;

use crate::message::Message;
use crate::trace::{Entry, Fate, Trace};

const WIDTH: usize = 24;

/// Draws a call; `sluice` is the column in the middle.
pub fn draw(trace: &Trace, call: u32, sluice: SocketAddr) -> String {
    let of_call = |entry: &&Entry| {
        Message::read(&entry.bytes).and_then(|message| message.call()) == Some(call)
    };
    let entries: Vec<&Entry> = trace.entries.iter().filter(of_call).collect();
    let mut columns = vec![sluice];
    for entry in &entries {
        for end in [entry.from, entry.to] {
            if !columns.contains(&end) {
                columns.push(end);
            }
        }
    }
    // The caller on the left.
    columns.sort_by_key(|end| (end.ip().to_string().starts_with("10.1."), *end != sluice, *end));
    columns.sort_by_key(|end| if end.ip().to_string().starts_with("10.0.") { 0 } else { 1 });
    let mut text = format!("{:>9}  ", "ms");
    for column in &columns {
        text += &format!("{:<WIDTH$}", column.to_string());
    }
    text.push('\n');
    for entry in &entries {
        text += &line(entry, &columns);
    }
    for (at_ms, note) in &trace.notes {
        text += &format!("{at_ms:>9}  {note}\n");
    }
    text
}

fn line(entry: &Entry, columns: &[SocketAddr]) -> String {
    let at = |end: SocketAddr| columns.iter().position(|column| *column == end).unwrap_or(0);
    let (from, to) = (at(entry.from), at(entry.to));
    let (left, right) = (from.min(to), from.max(to));
    let mut arrow = vec![' '; columns.len() * WIDTH];
    for column in 0..columns.len() {
        arrow[column * WIDTH] = '|';
    }
    let (begin, end) = (left * WIDTH + 1, right * WIDTH);
    arrow.get_mut(begin..end).unwrap_or_default().fill('-');
    let head = if from < to { end.saturating_sub(1) } else { begin };
    arrow[head] = match (entry.fate, from < to) {
        (Fate::Lost, _) => 'x',
        (Fate::Seen, true) => '>',
        (Fate::Seen, false) => '<',
    };
    let message = Message::read(&entry.bytes);
    let what = message.as_ref().map_or(String::new(), |message| {
        let cseq = message.value("CSeq").unwrap_or_default();
        let branch = message.branch().unwrap_or_default();
        format!("{}  [{cseq}] {branch}", message.line)
    });
    let arrow: String = arrow.into_iter().collect();
    let lost = if entry.fate == Fate::Lost { "  (lost)" } else { "" };
    format!("{:>9}  {arrow}{what}{lost}\n", entry.at_ms)
}
