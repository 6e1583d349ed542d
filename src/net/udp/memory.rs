//! Memory that the kernel is given pointers to, for as long as a driver lives.

use std::ptr::NonNull;

/// A slice that never moves. Held by raw pointer and not as a `Box`, since a `Box` claims to be the
/// only way to its content, and system call structures keep pointers into it.
pub(super) struct Fixed<T>(NonNull<[T]>);

// SAFETY: it owns its slice as a Box would. `T` may hold pointers (`iovec`, `mmsghdr`): they lead
// into other `Fixed` slices, which move to the other thread together with this one, or to bytes of
// an earlier send, which nobody reads again.
unsafe impl<T> Send for Fixed<T> {}

impl<T> Fixed<T> {
    pub(super) fn new(values: Vec<T>) -> Self {
        Self(NonNull::from(Box::leak(values.into_boxed_slice())))
    }

    /// Pointer to an element, for the kernel.
    pub(super) fn at(&self, index: usize) -> *mut T {
        self.0.as_ptr().cast::<T>().wrapping_add(index)
    }

    pub(super) fn as_slice(&self) -> &[T] {
        // SAFETY: the slice is alive until drop; the kernel writes only during a system call that
        // its owner makes with `&mut`.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as above, and nobody else holds a reference while we are borrowed mutably.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Fixed<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a leaked Box and is given back once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}
