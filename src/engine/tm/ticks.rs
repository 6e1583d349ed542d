//! Time: what was sent is sent again, what nobody answered is given up, what is over is forgotten.

use sluice_base::slab::Key;

use super::client::Event;
use super::downstream::{Reason, Side};
use super::effects::Effects;
use super::replies::Failed;
use super::server::{self, State};
use super::times::Purpose;
use super::{Scene, Tm};
use crate::ticket::News;

impl Tm {
    /// Handles one due timer; false when none is due.
    pub fn tick(&mut self, scene: &mut Scene<'_>) -> bool {
        let Some(packed) = self.wheel.pop_due(scene.now.mono_ms()) else { return false };
        let (slot, generation, purpose) = Purpose::unpack(packed);
        let key = self.all.key_at(slot).filter(|key| Purpose::same_generation(generation, *key));
        let failed = key.and_then(|key| self.due(scene, key, purpose));
        self.failed.extend(failed);
        true
    }

    fn due(&mut self, scene: &mut Scene<'_>, key: Key, purpose: Purpose) -> Option<Failed> {
        match purpose {
            Purpose::Over => {
                self.end(scene, key);
                None
            }
            Purpose::Repeat => {
                self.repeat(scene, key);
                None
            }
            Purpose::Resend(number) => {
                if self.repeats(scene, key, number) {
                    self.happen(scene, key, number, Side::Request, Event::Resend);
                }
                self.note_silence(scene, key, number);
                None
            }
            Purpose::Expire(number) if self.is_held(key, number) => {
                self.release(key, 408);
                self.decide(key)
            }
            Purpose::Expire(number) => {
                let effects = self.happen(scene, key, number, Side::Request, Event::Expire)?;
                if effects.has(Effects::CANCEL) {
                    self.begin_cancel(scene, key, number, Reason::NoAnswer);
                }
                // RFC 3261 16.8.
                self.give_up(scene, key, number, 408)
            }
            Purpose::ResendCancel(number) => {
                self.happen(scene, key, number, Side::Cancel, Event::Resend);
                None
            }
            Purpose::ExpireCancel(number) => {
                self.happen(scene, key, number, Side::Cancel, Event::Expire);
                None
            }
        }
    }

    /// Whether a branch's request is sent again on time: not over a reliable transport.
    fn repeats(&self, scene: &Scene<'_>, key: Key, number: u8) -> bool {
        let branch = self.all.get(key).and_then(|t| t.branches.get(usize::from(number)));
        branch.is_some_and(|branch| !scene.shared.sockets.is_reliable(branch.target.socket))
    }

    /// A branch that was not answered in time, or not reached: as if a reply of this status had
    /// come.
    pub(super) fn give_up(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
        status: u16,
    ) -> Option<Failed> {
        let branch = self.all.get_mut(key)?.branches.get_mut(usize::from(number))?;
        branch.status = status;
        let unheard = if status == 503 { News::Lost } else { News::Silent };
        branch.tell(unheard, scene.now);
        if let Some(timer) = branch.request.resend.take() {
            self.wheel.cancel(timer);
        }
        self.end_branch(scene, key, number)
    }

    /// RFC 3261 17.2.1: a refusal is repeated until its ACK comes.
    fn repeat(&mut self, scene: &mut Scene<'_>, key: Key) {
        let sends = self.serve(key, server::Event::Resend);
        if !sends.is_some_and(|effects| effects.has(Effects::SEND)) {
            return;
        }
        self.send_last(scene, key);
        let Some(upper) = self.all.upper(key) else { return };
        *upper.repeat_ms = (2 * *upper.repeat_ms).min(self.times.t2_ms);
        let due = scene.now.mono_ms() + u64::from(*upper.repeat_ms);
        *upper.repeat = Some(self.wheel.schedule(due, Purpose::Repeat.pack(key)));
    }

    /// The server side is over; the transaction is, once no branch is on its way any more.
    fn end(&mut self, scene: &mut Scene<'_>, key: Key) {
        self.serve(key, server::Event::Over);
        let waits = self.all.get(key).is_some_and(|transaction| {
            transaction.branches.iter().any(|branch| branch.request.state.is_open())
        });
        let Some(upper) = self.all.upper(key) else { return };
        if *upper.state == State::Ended && !waits {
            return self.remove(key);
        }
        let due = scene.now.mono_ms() + u64::from(self.times.linger_ms);
        *upper.over = Some(self.wheel.schedule(due, Purpose::Over.pack(key)));
    }
}
