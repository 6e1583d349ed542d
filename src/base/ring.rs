//! The hop ring: carries received datagrams from the worker they landed on to their owner.
//!
//! One producer, one consumer, no lock, bounded. Takes `(Datagram, bytes)` pairs by copy and gives
//! them out in order, each one contiguous, borrowed where it lies: the owner parses in place. It
//! never allocates after [`ring`], never waits, and never wakes anybody ([`crate::wake`] does).
//!
//! # How it works
//!
//! The buffer is a power of two of 8-byte words. Two counters only ever grow (and wrap with
//! `usize`): `tail`, words written, stored by the producer alone, and `head`, words given back,
//! stored by the consumer alone. `tail - head` words are in use; a counter's low bits are its place
//! in the buffer. A record is
//!
//! ```text
//!   word 0        words of this record, or PADDING
//!   then          Datagram, as it lies in memory
//!   then          the bytes, rounded up to a word
//! ```
//!
//! A record never wraps: when the end of the buffer is too near, the rest is given away as padding
//! and the record starts at word 0. Padding and record are published by one store of `tail`.
//!
//! The order that makes it sound: the producer writes words, then stores `tail` with release; the
//! consumer loads `tail` with acquire, then reads them. The consumer reads, then stores `head` with
//! release; the producer loads `head` with acquire before it writes there again. So at every
//! moment a word belongs to exactly one side.
//!
//! Each side keeps its own counter and its last view of the other's in its own cache line, and
//! looks at the other's line only when that view says full (or empty): at rate, a few times per
//! turn.
//!
//! A quarter of the ring is kept for privileged records (replies, in-dialog requests, ACK, CANCEL,
//! BYE): under overload new calls are refused first.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

use crossbeam::utils::CachePadded;

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, Tracks};
use crate::transport::Datagram;

/// The record was refused: no room, or not enough for its rank, or it is larger than a quarter of
/// the ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// The end that the landing worker holds.
pub struct Producer {
    shared: Arc<Shared>,
    tail: usize,
    seen_head: usize,
}

/// The end that the owner holds.
pub struct Consumer {
    shared: Arc<Shared>,
    head: usize,
    seen_tail: usize,
    /// Words of the record that is lent out.
    lent: usize,
}

/// A ring of at least `bytes` bytes (rounded up to a power of two), its pages touched.
pub fn ring(bytes: usize) -> (Producer, Consumer) {
    let words = bytes.max(MIN_BYTES).div_ceil(WORD).next_power_of_two();
    let shared = Arc::new(Shared::new(words));
    let producer = Producer { shared: Arc::clone(&shared), tail: 0, seen_head: 0 };
    (producer, Consumer { shared, head: 0, seen_tail: 0, lent: 0 })
}

impl Producer {
    /// Copies one datagram in. `meta` keeps its socket and peer; its offset and length are set to
    /// those of the copy. The consumer sees the record at once, but is not woken.
    ///
    /// # Errors
    /// [`Full`]: nothing was written. Unprivileged records are refused already when less than a
    /// quarter of the ring would stay free.
    pub fn push(&mut self, meta: Datagram, bytes: &[u8], privileged: bool) -> Result<(), Full> {
        let len = u16::try_from(bytes.len()).map_err(|_| Full)?;
        let capacity = self.shared.capacity();
        let need = record_words(bytes.len());
        if need > capacity / 4 {
            return Err(Full);
        }
        let room = capacity - (self.tail & (capacity - 1));
        let padding = if need > room { room } else { 0 };
        let reserve = if privileged { 0 } else { capacity / 4 };
        if !self.has_free(padding + need + reserve) {
            return Err(Full);
        }
        if padding > 0 {
            // SAFETY: has_free() found the words `tail .. tail + padding + need` free.
            unsafe { self.shared.write_padding(self.tail) };
        }
        let start = self.tail.wrapping_add(padding);
        // SAFETY: as above; `start` lies at least `need` words before the buffer's end.
        unsafe { self.shared.write_record(start, Datagram { offset: 0, len, ..meta }, bytes) };
        self.tail = start.wrapping_add(need);
        self.shared.tail.store(self.tail, Ordering::Release);
        Ok(())
    }

    fn has_free(&mut self, words: usize) -> bool {
        let capacity = self.shared.capacity();
        if capacity - self.tail.wrapping_sub(self.seen_head) >= words {
            return true;
        }
        self.seen_head = self.shared.head.load(Ordering::Acquire);
        capacity - self.tail.wrapping_sub(self.seen_head) >= words
    }
}

impl Consumer {
    /// The oldest record, lent until the next call, which gives its room back - also when the
    /// caller panicked over it, so that one bad message cannot come back. Its `offset` is 0: the
    /// bytes are its region. `None`: the ring is empty and all room was given back.
    #[inline]
    pub fn take(&mut self) -> Option<(Datagram, &[u8])> {
        self.give_back();
        if self.head == self.seen_tail {
            self.seen_tail = self.shared.tail.load(Ordering::Acquire);
            if self.head == self.seen_tail {
                return None;
            }
        }
        // SAFETY: `head != tail`, so a whole record (or padding and a record) was published at
        // `head` and is ours until give_back() stores a later head.
        let mut words = unsafe { self.shared.record_len(self.head) };
        if words == PADDING {
            let capacity = self.shared.capacity();
            self.head = self.head.wrapping_add(capacity - (self.head & (capacity - 1)));
            // SAFETY: padding is published together with the record that follows it.
            words = unsafe { self.shared.record_len(self.head) };
        }
        self.lent = words as usize;
        // SAFETY: as above; the borrow of `self` ends before the next give_back().
        Some(unsafe { self.shared.record(self.head, self.lent) })
    }

    fn give_back(&mut self) {
        if self.lent > 0 {
            let start = self.head & (self.shared.capacity() - 1);
            self.shared.tracks.read(start..start + self.lent);
            self.head = self.head.wrapping_add(self.lent);
            self.lent = 0;
            self.shared.head.store(self.head, Ordering::Release);
        }
    }
}

const WORD: usize = size_of::<u64>();
const META_WORDS: usize = size_of::<Datagram>().div_ceil(WORD);
const PADDING: u64 = u64::MAX;
/// Four times the smallest record, so that an empty datagram always fits an empty ring.
const MIN_BYTES: usize = 4 * (1 + META_WORDS) * WORD;

/// `Datagram` is written where a word starts.
const _: () = assert!(align_of::<Datagram>() <= WORD);

const fn record_words(bytes: usize) -> usize {
    1 + META_WORDS + bytes.div_ceil(WORD)
}

struct Shared {
    tail: CachePadded<AtomicUsize>,
    head: CachePadded<AtomicUsize>,
    words: Box<[UnsafeCell<MaybeUninit<u64>>]>,
    tracks: Tracks,
}

// SAFETY: the words are the only part that is not Sync by itself; each word belongs to one side at
// a time, handed over by release and acquire on the counters (see the essay).
unsafe impl Sync for Shared {}

impl Shared {
    fn new(words: usize) -> Self {
        // A value other than zero makes the allocator's pages real now, not in the first burst.
        let word = |_| UnsafeCell::new(MaybeUninit::new(PADDING));
        Self {
            tail: CachePadded::new(AtomicUsize::new(0)),
            head: CachePadded::new(AtomicUsize::new(0)),
            words: (0..words).map(word).collect(),
            tracks: Tracks::new(words),
        }
    }

    fn capacity(&self) -> usize {
        self.words.len()
    }

    /// Pointer to the word that a counter names, valid to the end of the buffer.
    fn at(&self, counter: usize) -> *mut u64 {
        let index = counter & (self.capacity() - 1);
        let base = UnsafeCell::raw_get(self.words.as_ptr()).cast::<u64>();
        // SAFETY: `index` is below the capacity, a power of two; `base` spans the whole slice.
        unsafe { base.add(index) }
    }

    /// # Safety
    /// The word at `counter` belongs to the caller, the producer.
    unsafe fn write_padding(&self, counter: usize) {
        let start = counter & (self.capacity() - 1);
        self.tracks.write(start..start + 1);
        // SAFETY: the caller owns the word, and `at` is aligned and in bounds.
        unsafe { self.at(counter).write(PADDING) };
    }

    /// # Safety
    /// The words of the record at `counter` belong to the caller, the producer, and lie before the
    /// buffer's end.
    unsafe fn write_record(&self, counter: usize, meta: Datagram, bytes: &[u8]) {
        let words = record_words(bytes.len());
        let start = counter & (self.capacity() - 1);
        self.tracks.write(start..start + words);
        let at = self.at(counter);
        // SAFETY: all writes stay within the record's words, which the caller owns; the datagram
        // is aligned (asserted above); `bytes` cannot overlap words that only we may touch.
        unsafe {
            at.write(words as u64);
            at.add(1).cast::<Datagram>().write(meta);
            let to = at.add(1 + META_WORDS).cast::<u8>();
            to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
    }

    /// # Safety
    /// A record or padding starts at `counter` and belongs to the caller, the consumer.
    unsafe fn record_len(&self, counter: usize) -> u64 {
        let start = counter & (self.capacity() - 1);
        self.tracks.read(start..start + 1);
        // SAFETY: the producer wrote this word before it published it.
        unsafe { self.at(counter).read() }
    }

    /// # Safety
    /// A record of `words` words starts at `counter` and belongs to the caller, the consumer, for
    /// as long as the result lives.
    unsafe fn record(&self, counter: usize, words: usize) -> (Datagram, &[u8]) {
        let start = counter & (self.capacity() - 1);
        self.tracks.read(start..start + words);
        let at = self.at(counter);
        // SAFETY: write_record() wrote a datagram at word 1 and `meta.len` bytes behind it.
        unsafe {
            let meta = at.add(1).cast::<Datagram>().read();
            let bytes = at.add(1 + META_WORDS).cast::<u8>();
            (meta, std::slice::from_raw_parts(bytes, meta.len as usize))
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;
    use crate::transport::SocketId;

    fn meta(n: u16) -> Datagram {
        let peer = ([127, 0, 0, 1], n).into();
        Datagram { socket: SocketId(n), peer, offset: 77, len: 3 }
    }

    #[test]
    fn a_record_comes_out_as_it_went_in() {
        let (mut to, mut from) = ring(4096);
        assert_eq!(from.take(), None);
        to.push(meta(5), b"INVITE", false).unwrap();
        to.push(meta(6), b"", false).unwrap();
        assert_eq!(from.take(), Some((Datagram { offset: 0, len: 6, ..meta(5) }, &b"INVITE"[..])));
        assert_eq!(from.take(), Some((Datagram { offset: 0, len: 0, ..meta(6) }, &b""[..])));
        assert_eq!(from.take(), None);
    }

    #[test]
    fn the_last_quarter_is_for_the_privileged() {
        let (mut to, _from) = ring(1 << 16);
        let filled = (0..).take_while(|_| to.push(meta(1), &[0; 1000], false).is_ok()).count();
        assert!((46..=48).contains(&filled), "{filled}");
        let more = (0..).take_while(|_| to.push(meta(1), &[0; 1000], true).is_ok()).count();
        assert!((14..=16).contains(&more), "{more}");
    }

    #[test]
    fn the_largest_datagram_fits_the_default_ring_at_any_place() {
        let (mut to, mut from) = ring(crate::limits::HOP_RING_BYTES);
        for n in 0..100 {
            to.push(meta(n), &vec![n as u8; 65_535 - usize::from(n)], false).unwrap();
            let (_, bytes) = from.take().unwrap();
            assert!(bytes.iter().all(|b| *b == n as u8));
            assert_eq!(from.take(), None);
        }
        assert_eq!(to.push(meta(0), &vec![0; 65_536], true), Err(Full));
    }

    proptest! {
        #[test]
        fn behaves_like_a_queue(
            steps in prop::collection::vec((0..300usize, any::<bool>()), 0..400),
        ) {
            let (mut to, mut from) = ring(2048);
            let mut model = VecDeque::new();
            for (n, (len, push)) in steps.into_iter().enumerate() {
                if push {
                    let bytes = vec![n as u8; len];
                    if to.push(meta(n as u16), &bytes, true).is_ok() {
                        model.push_back((n as u16, bytes));
                    } else {
                        prop_assert!(!model.is_empty(), "an empty ring refused {len} bytes");
                    }
                } else {
                    let got = from.take().map(|(meta, bytes)| (meta.socket.0, bytes.to_vec()));
                    prop_assert_eq!(got, model.pop_front());
                }
            }
        }
    }
}
