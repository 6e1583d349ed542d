//! Which CPUs we may use, and pinning a worker to one.
//!
//! Never widens what the program was given: `taskset` and cgroup masks are obeyed.

use core_affinity::CoreId;

/// A CPU refused: not in the mask, or the kernel said no.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot pin to CPU {0}")]
pub struct PinError(pub usize);

/// The CPUs of the calling thread's affinity mask, lowest first. Asked by the main thread before
/// anything is pinned, this is the mask that the program was started with.
pub fn available_cpus() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect()
}

/// Pins the calling thread to one CPU.
///
/// # Errors
/// When the CPU does not exist or is outside what the kernel allows us.
pub fn pin_to(cpu: usize) -> Result<(), PinError> {
    // The check keeps numbers that no mask can name away from the crate, which would panic.
    if !available_cpus().contains(&cpu) || !core_affinity::set_for_current(CoreId { id: cpu }) {
        return Err(PinError(cpu));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_is_allowed_one_cpu() {
        let cpus = available_cpus();
        let last = *cpus.last().unwrap();
        pin_to(last).unwrap();
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let allowed = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:\t")).unwrap();
        assert_eq!(allowed, last.to_string());
        assert_eq!(available_cpus(), [last]);
        assert_eq!(pin_to(1 << 20), Err(PinError(1 << 20)));
    }
}
