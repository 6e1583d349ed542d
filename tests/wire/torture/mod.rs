//! One row for each message of RFC 4475 and RFC 5118: who answers it here, what the script is shown
//! of it, and what the RFC demands.
//!
//! The messages lie in `tests/wire/rfc4475` and `tests/wire/rfc5118`, byte for byte. `tests/wire`
//! drives each through a real worker, `tests/live` through the running program.

mod rfc4475;
mod rfc5118;

use std::path::Path;

use sluice_sip::Reason;

/// All rows, in the order of the RFCs.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    rfc4475::ROWS.iter().chain(rfc5118::ROWS)
}

/// One message.
pub struct Row {
    /// The folder of its RFC.
    pub rfc: &'static str,
    /// Its name in the RFC, and the name of its file.
    pub name: &'static str,
    /// The section that shows it.
    pub section: &'static str,
    /// What the RFC demands, in short.
    pub demand: &'static str,
    /// What Sluice makes of it.
    pub here: Here,
    /// Where and why Sluice does otherwise; empty where it obeys.
    pub but: &'static str,
}

/// Who answers a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Here {
    /// The script: `shows`, expanded in it, is `text`.
    Script {
        /// A text with variables of the script.
        shows: &'static str,
        /// What they are worth in the message.
        text: &'static str,
    },
    /// Nobody: it is dropped and counted before the script.
    Dropped(Reason),
    /// Nobody: the reply has run through the script, but goes nowhere and is counted.
    Discarded,
}

impl Row {
    /// The bytes of the message.
    pub fn bytes(&self) -> Vec<u8> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire").join(self.rfc);
        std::fs::read(folder.join(format!("{}.sip", self.name))).expect("the message's file")
    }

    /// Its full name, for the message of a failed test.
    pub fn title(&self) -> String {
        format!("{} {} ({})", self.rfc, self.section, self.name)
    }

    const fn but(self, but: &'static str) -> Self {
        Self { but, ..self }
    }
}
