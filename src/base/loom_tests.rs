//! The shared structures under every interleaving that loom can find.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test -p sluice-base --release loom`. A wake-up that is lost
//! shows as a deadlock, a record read too early as a race on its words.

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Notify};
use loom::thread;

use crate::counters::Cells;
use crate::inbox::Inbox;
use crate::mailbox::Mailbox;
use crate::owner::WorkerId;
use crate::ring::{Consumer, ring};
use crate::shards::{Cursor, Passed, Shards, Then};
use crate::snapshot::Snapshot;
use crate::transport::{Datagram, SocketId};
use crate::wake::{Sender, Wake};

fn meta(n: u16) -> Datagram {
    Datagram { socket: SocketId(n), peer: ([127, 0, 0, 1], n).into(), offset: 0, len: 0 }
}

/// Takes what is there; checks that it comes in order and whole.
fn drain(from: &mut Consumer, next: &mut u16) {
    while let Some((meta, bytes)) = from.take() {
        assert_eq!((meta.socket.0, bytes), (*next, &[*next as u8; 8][..]));
        *next += 1;
    }
}

#[test]
fn loom_ring_keeps_order_and_never_shares_a_word() {
    let outcomes = std::sync::Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let seen = outcomes.clone();
    loom::model(move || {
        // Four records of seven words fill it but for four words: the fifth needs padding, and
        // room that the consumer gave back meanwhile.
        let (mut to, mut from) = ring(0);
        let mut next = 0;
        for sent in 0..3 {
            to.push(meta(sent), &[sent as u8; 8], true).unwrap();
        }
        let producer = thread::spawn(move || {
            let mut push = |sent: u16| to.push(meta(sent), &[sent as u8; 8], true).is_ok();
            (3..6).take_while(|sent| push(*sent)).count() as u16
        });
        drain(&mut from, &mut next);
        let sent = 3 + producer.join().unwrap();
        drain(&mut from, &mut next);
        assert_eq!(next, sent);
        seen.lock().unwrap().insert(sent);
    });
    assert!(outcomes.lock().unwrap().iter().eq(&[4, 5, 6]));
}

#[test]
fn loom_wake_up_is_never_lost_and_comes_once() {
    loom::model(|| {
        let wake = Arc::new(Wake::new());
        let bell = Arc::new(Notify::new());
        let rung = Arc::new(AtomicUsize::new(0));
        let mut receivers = Vec::new();
        let senders: Vec<_> = (0..2u16)
            .map(|id| {
                let (mut to, from) = ring(0);
                receivers.push(from);
                let (wake, bell, rung) = (wake.clone(), bell.clone(), rung.clone());
                thread::spawn(move || {
                    to.push(meta(0), &[0; 8], true).unwrap();
                    if wake.raise(Sender::worker(WorkerId(id as u8)).unwrap()) {
                        rung.fetch_add(1, Ordering::Relaxed);
                        bell.notify();
                    }
                })
            })
            .collect();
        let (mut got, mut sleeps) = ([0; 2], 0);
        while got != [1; 2] {
            if wake.try_sleep() {
                sleeps += 1;
                bell.wait();
            }
            for worker in wake.take().workers() {
                let at = usize::from(worker.0);
                drain(&mut receivers[at], &mut got[at]);
            }
        }
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        // Fewer when the bell woke the owner by itself, as loom makes it do now and then.
        assert!(rung.load(Ordering::Relaxed) <= sleeps);
    });
}

#[test]
fn loom_mailbox_never_refuses_a_reserved_answer() {
    loom::model(|| {
        let wake = Arc::new(Wake::new());
        let bell = Arc::new(Notify::new());
        let mut mailbox = Mailbox::new(1, wake.clone());
        for answer in 0..2 {
            let place = mailbox.reserve().unwrap();
            assert!(mailbox.reserve().is_none());
            let control = thread::spawn({
                let bell = bell.clone();
                move || {
                    if place.complete(answer) {
                        bell.notify();
                    }
                }
            });
            let got = loop {
                if let Some(got) = mailbox.take() {
                    break got;
                }
                if wake.try_sleep() {
                    bell.wait();
                }
                wake.take();
            };
            assert_eq!(got, answer);
            control.join().unwrap();
        }
        drop(mailbox.reserve().unwrap());
        assert!(mailbox.reserve().is_some());
    });
}

#[test]
fn loom_inbox_wakes_its_owner_for_every_letter() {
    loom::model(|| {
        let wake = Arc::new(Wake::new());
        let bell = Arc::new(Notify::new());
        let inbox = Arc::new(Inbox::new(1, wake.clone()));
        let sender = thread::spawn({
            let (inbox, bell) = (inbox.clone(), bell.clone());
            move || {
                if inbox.put(Sender::CONTROL, 7).unwrap() {
                    bell.notify();
                }
            }
        });
        let got = loop {
            if let Some(got) = inbox.take() {
                break got;
            }
            if wake.try_sleep() {
                bell.wait();
            }
            wake.take();
        };
        assert_eq!((got, inbox.take()), (7, None));
        sender.join().unwrap();
    });
}

#[test]
fn loom_snapshot_reader_sees_whole_values_in_order_and_never_drops_one() {
    struct Noted(u64, std::sync::Arc<std::sync::Mutex<Vec<thread::ThreadId>>>);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(thread::current().id());
        }
    }
    loom::model(|| {
        let dropped = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let snapshot = Snapshot::new(Noted(0, dropped.clone()));
        let mut reader = snapshot.reader();
        let worker = thread::spawn(move || {
            let seen = [reader.get().0, reader.get().0];
            assert!(seen.is_sorted());
            reader
        });
        snapshot.publish(Noted(1, dropped.clone()));
        snapshot.publish(Noted(2, dropped.clone()));
        let mut reader = worker.join().unwrap();
        assert_eq!(reader.get().0, 2);
        assert_eq!(snapshot.sweep(), 0);
        let dropped = dropped.lock().unwrap();
        assert_eq!(*dropped, [thread::current().id(); 2]);
    });
}

#[test]
fn loom_counters_never_go_back() {
    loom::model(|| {
        let (cells, reader) = Cells::new(1);
        let worker = thread::spawn(move || {
            cells.add(0, 1);
            cells.add(0, 1);
        });
        let (first, second) = (reader.get(0), reader.get(0));
        assert!(first <= second && second <= 2);
        worker.join().unwrap();
        assert_eq!(reader.get(0), 2);
    });
}

#[test]
fn loom_changes_of_shared_entries_are_all_there_and_what_is_counted_beside_them_is_exact() {
    loom::model(|| {
        let map = Arc::new(Shards::<(u64, u32), u32>::new(1));
        let add = |map: &Shards<(u64, u32), u32>, key: u64| {
            let change = |entry: Option<&mut (u64, u32)>, count: &mut u32| match entry {
                Some(entry) => {
                    entry.1 += 1;
                    (Then::Keep, ())
                }
                None => {
                    *count += 1;
                    (Then::Put((key, 1)), ())
                }
            };
            map.change(key, |entry| entry.0 == key, |entry| entry.0, change);
        };
        let other = map.clone();
        let thread = thread::spawn(move || {
            add(&other, 7);
            add(&other, 8);
            let sweep = |entry: &mut (u64, u32), count: &mut u32| {
                *count -= u32::from(entry.0 == 8);
                entry.0 != 8
            };
            let mut cursor = Cursor::default();
            while other.pass(0, &mut cursor, |seen| seen < 1, |entry| entry.0, sweep) != Passed::All
            {
            }
        });
        add(&map, 7);
        let seen = map.look(7, |entry| entry.0 == 7, |entry, _| entry.map(|entry| entry.1));
        assert!(matches!(seen, Some(1 | 2)));
        thread.join().unwrap();
        assert_eq!(map.look(7, |entry| entry.0 == 7, |entry, _| entry.map(|e| e.1)), Some(2));
        assert_eq!(map.beside(0, |count, len| (*count, len)), (1, 1));
    });
}
