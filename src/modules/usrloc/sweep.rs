//! Takes expired contacts away, a few records in a turn: shard `i` is the concern of worker `i`
//! modulo their number.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::Chore;

use super::locations::Locations;
use super::table::{Slice, Sweep};
use super::{events, limits};

/// How far a worker is.
pub(super) struct Sweeper {
    locations: Arc<Locations>,
    /// The first of its shards.
    first: usize,
    table: usize,
    shard: usize,
    at: Sweep,
}

impl Sweeper {
    pub(super) fn new(locations: Arc<Locations>, worker: WorkerId) -> Self {
        let first = usize::from(worker.0);
        Self { locations, first, table: 0, shard: first, at: Sweep::default() }
    }

    /// Sweeps one slice, measured. Gives when the next one is due, monotonic milliseconds.
    fn measured(&mut self, chore: &mut Chore<'_>) -> u64 {
        let moment = chore.local.moment;
        let begin = moment();
        let lasted_ns = || moment().work_ns_since(begin);
        let is_over = Cell::new(false);
        let next_ms = self.step(chore, &|| {
            is_over.set(lasted_ns() > limits::SWEEP_NS);
            is_over.get()
        });
        self.locations.swept_for(lasted_ns());
        // Much has expired: messages come first, but nothing else does.
        if is_over.get() { chore.now.mono_ms() } else { next_ms }
    }

    /// Sweeps one slice. Gives when the next one is due, monotonic milliseconds.
    fn step(&mut self, chore: &mut Chore<'_>, is_over: &dyn Fn() -> bool) -> u64 {
        let now_s = chore.now.wall_s() as u32;
        let workers = chore.local.post.owners().map_or(1, |owners| usize::from(owners.workers()));
        let tables = self.locations.tables();
        while let Some(table) = tables.get(self.table) {
            if self.at == Sweep::default() {
                match table.to_sweep(self.shard, workers, now_s) {
                    Some(shard) => self.shard = shard,
                    None => {
                        (self.table, self.shard) = (self.table + 1, self.first);
                        continue;
                    }
                }
            }
            let mut notes = Vec::new();
            let heard = chore.shared.hears_events().then_some(&mut notes);
            let pause_s = self.locations.options.timer_interval_s;
            let slice = Slice { now_s, pause_s, is_over };
            if !table.sweep(self.shard, &mut self.at, &slice, heard) {
                (self.shard, self.at) = (self.shard + workers, Sweep::default());
            }
            events::tell_by(chore, &self.locations, table, &notes);
            return chore.now.mono_ms() + limits::SWEEP_PAUSE_MS;
        }
        (self.table, self.shard) = (0, self.first);
        chore.now.mono_ms() + limits::SWEEP_ROUND_MS
    }
}

/// The hook.
pub(super) fn tick(chore: &mut Chore<'_>, state: &mut dyn Any) -> u64 {
    match state.downcast_mut::<Sweeper>() {
        Some(sweeper) => sweeper.measured(chore),
        None => u64::MAX,
    }
}
