//! What went wrong with the message of a run, as `$err.*` tell it (spec 1.10).
//!
//! Who finds that a part of the message cannot be read notes it here; the machine then enters
//! error_route{}, if the script has one.

use crate::context::Ctx;
use crate::counter::Counter;

/// The last error of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What kind of error.
    pub class: Class,
    /// What could not be done.
    pub info: &'static str,
    /// Code of the reply that fits.
    pub code: u16,
    /// Reason phrase of the reply that fits.
    pub reason: &'static str,
}

/// Kinds of errors, by OpenSIPS' numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// A part of the message cannot be read.
    Parse = 1,
    /// An assert() failed.
    Assert = 4,
}

impl Class {
    /// How grave it is: 1 critical to 5 low.
    pub const fn level(self) -> i64 {
        match self {
            Self::Parse => 3,
            Self::Assert => 1,
        }
    }
}

impl Fault {
    const fn parse(info: &'static str, reason: &'static str) -> Self {
        Self { class: Class::Parse, info, code: 400, reason }
    }

    /// From cannot be read.
    pub const FROM: Self = Self::parse("error parsing From header", "bad header");

    /// To cannot be read.
    pub const TO: Self = Self::parse("error parsing To header", "bad header");

    /// Another header cannot be read.
    pub const HEADER: Self = Self::parse("error parsing a header", "bad headers");

    /// A Request-URI that is no URI.
    pub const RURI: Self = Self::parse("error parsing r-uri", "bad r-uri");

    /// A failed assert().
    pub const ASSERT: Self =
        Self { class: Class::Assert, info: "assertion failed", code: 500, reason: "server error" };
}

impl Ctx<'_> {
    /// Notes an error of the message, and logs it with the script's line.
    #[cold]
    pub fn fail(&mut self, fault: Fault) {
        self.complain(fault.info);
        self.note(fault);
    }

    /// Notes an error that its finder logs.
    pub fn note(&mut self, fault: Fault) {
        match fault {
            Fault::RURI => self.local.add(Counter::BadUris, 1),
            Fault { class: Class::Parse, .. } => self.local.add(Counter::BadHeaders, 1),
            Fault { class: Class::Assert, .. } => {}
        }
        self.run.fault = Some(fault);
        self.run.fault_is_new = true;
    }
}
