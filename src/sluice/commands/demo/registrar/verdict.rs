//! Whether a demo of users went as it must: all who may register do, nobody else, calls find them
//! and nobody else, and the table has them at the end.

use serde::Serialize;
use sluice_engine::counter::Counter;
use sluice_traffic::report::{CallCounts, Percentiles, UacReport};

use super::super::board::percentiles;
use super::super::verdict::{Calls, turns};
use super::Parts;
use crate::serve::Gateway;

/// The summary.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Verdict {
    pub ok: bool,
    pub problems: Vec<String>,
    pub users: u64,
    /// Calls before anyone had registered.
    pub unregistered: Refused,
    pub registrations: Registrations,
    /// Registrations with a wrong password.
    pub wrong_password: Refused,
    pub calls: Calls,
    /// From the moment a call is due to its answer.
    pub latency: Percentiles,
    /// From the moment a registration is due to the reply to its second request.
    pub registering: Percentiles,
    /// Contacts that the gateway held when calls had ended.
    pub contacts: u64,
    /// Contacts in the table when the gateway had ended.
    pub kept: u64,
    /// A caller itself was too slow: the latencies are not the gateway's.
    pub generator_limited: bool,
    /// Messages that passed from the worker they landed at to the one that owns their call.
    pub hopped: u64,
    /// The 99th percentile of the workers' turns, microseconds.
    pub turn_p99_us: Vec<u64>,
}

/// What became of requests that must be refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Refused {
    pub due: u64,
    /// With a 4xx, after a challenge if there is a password.
    pub refused: u64,
    /// The status of the last of these replies.
    pub status: u16,
}

impl Refused {
    /// Refused at once.
    fn calls(counts: &CallCounts) -> Self {
        Self { due: counts.due, refused: counts.answered[2], status: counts.last_refusal }
    }

    /// Refused when the challenge had been answered.
    fn registrations(counts: &CallCounts) -> Self {
        Self { due: counts.due, refused: counts.bye_refused, status: counts.last_refusal }
    }

    fn are_all(self, users: u64, status: u16) -> bool {
        self == Self { due: users, refused: users, status }
    }
}

/// What became of registrations with the password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Registrations {
    pub due: u64,
    /// Without a password: there must be none.
    pub unchallenged: u64,
    /// After a challenge.
    pub registered: u64,
}

impl Verdict {
    pub(super) fn of(parts: &Parts, gateway: &mut Gateway, users: u64) -> Self {
        let Parts { unregistered, refused, registrations, calls } = parts;
        let is_limited = |report: &&UacReport| report.limited;
        Self {
            ok: false,
            problems: Vec::new(),
            users,
            unregistered: Refused::calls(&unregistered.counts),
            registrations: Registrations {
                due: registrations.counts.due,
                unchallenged: registrations.counts.answered[0],
                registered: registrations.counts.completed,
            },
            wrong_password: Refused::registrations(&refused.counts),
            calls: Calls::of(&calls.caller.counts),
            latency: calls.caller.latency,
            registering: registrations.completion,
            contacts: 0,
            kept: 0,
            generator_limited: [registrations, &calls.caller].iter().any(is_limited),
            hopped: gateway.count(Counter::Hopped),
            turn_p99_us: turns(gateway),
        }
    }

    /// The gateway held so many contacts, and has left so many in the table.
    pub(super) fn judge(&mut self, contacts: u64, kept: u64) {
        (self.contacts, self.kept) = (contacts, kept);
        let users = self.users;
        let Registrations { due, unchallenged, registered } = self.registrations;
        let demands = [
            (self.unregistered.are_all(users, 404), "calls to nobody are answered by 404"),
            (self.wrong_password.are_all(users, 401), "wrong passwords are refused by 401"),
            (unchallenged == 0, "nobody registers without a password"),
            (registered == due && due > users, "users register and refresh"),
            (self.calls.are_all_well(), "each call is answered once, and ends"),
            (contacts == users, "each user has one contact"),
            (kept == users, "each contact is in the table at the end"),
        ];
        let broken = demands.iter().filter(|(holds, _)| !holds);
        self.problems = broken.map(|(_, demand)| format!("not so: {demand}")).collect();
        self.ok = self.problems.is_empty();
    }

    pub(super) fn print(&self) {
        let Self { unregistered, wrong_password, registrations, calls, .. } = self;
        println!(
            "\n{} calls due, {} answered, {} ended",
            calls.due, calls.answered, calls.completed
        );
        println!("time to answer       {}", percentiles(&self.latency));
        println!(
            "{} registrations due, {} after a challenge, {} without",
            registrations.due, registrations.registered, registrations.unchallenged
        );
        println!("time to register     {}", percentiles(&self.registering));
        for (name, part) in [("calls to nobody", unregistered), ("wrong passwords", wrong_password)]
        {
            println!("{name:<20} {} of {} refused by {}", part.refused, part.due, part.status);
        }
        println!("contacts             {}, {} in the table", self.contacts, self.kept);
        for problem in &self.problems {
            println!("PROBLEM: {problem}");
        }
        println!("{}", if self.ok { "ok" } else { "not ok" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> Verdict {
        let refused = |status| Refused { due: 9, refused: 9, status };
        Verdict {
            ok: false,
            problems: Vec::new(),
            users: 9,
            unregistered: refused(404),
            registrations: Registrations { due: 20, unchallenged: 0, registered: 20 },
            wrong_password: refused(401),
            calls: Calls::of(&CallCounts {
                due: 5,
                answered: [5, 0, 0, 0, 0],
                completed: 5,
                ..CallCounts::default()
            }),
            latency: Percentiles::default(),
            registering: Percentiles::default(),
            contacts: 0,
            kept: 0,
            generator_limited: false,
            hopped: 0,
            turn_p99_us: Vec::new(),
        }
    }

    #[test]
    fn each_demand_can_fail() {
        let mut good = verdict();
        good.judge(9, 9);
        assert!(good.ok, "{:?}", good.problems);
        let changes: [fn(&mut Verdict); 7] = [
            |v| v.unregistered.refused = 8,
            |v| v.unregistered.status = 480,
            |v| v.wrong_password.status = 403,
            |v| v.registrations.registered = 19,
            |v| v.registrations.unchallenged = 1,
            |v| v.registrations = Registrations { due: 9, unchallenged: 0, registered: 9 },
            |v| v.calls.completed = 4,
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut verdict = verdict();
            change(&mut verdict);
            verdict.judge(9, 9);
            assert!(!verdict.ok && verdict.problems.len() == 1, "{at}: {:?}", verdict.problems);
        }
        for (contacts, kept) in [(10, 9), (9, 8)] {
            let mut verdict = verdict();
            verdict.judge(contacts, kept);
            assert!(!verdict.ok, "{contacts} {kept}");
        }
    }
}
