//! Questions with a deadline, and changes that nobody waits for, against a database that can be
//! away, silent and unwilling.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use sluice_engine::db::{
    Action, Databases, DbError, Field, Outcome, Query, Rows, Source, Statement, Way,
};
use tokio::runtime::Builder;
use tokio::task::yield_now;

use crate::limits;
use crate::query::Queries;
use crate::writing::Writers;

const WILLING: u8 = 0;
const AWAY: u8 = 1;
const SILENT: u8 = 2;

/// Keeps the numbers that are written; refuses odd ones.
#[derive(Default)]
struct Fake {
    mood: Arc<AtomicU8>,
    kept: Arc<Mutex<Vec<i64>>>,
    /// How many statements came together, by turns.
    turns: Arc<Mutex<Vec<usize>>>,
}

impl Fake {
    fn one(&self, statement: &Statement) -> Outcome {
        let (Action::Insert(fields) | Action::Replace(fields)) = &statement.action else {
            return Ok(Rows::default());
        };
        let number = fields[0].1.int().expect("a number");
        if self.mood.load(SeqCst) == AWAY {
            return Err(DbError::Unreachable("away".into()));
        }
        if number % 2 == 1 {
            return Err(DbError::Refused("odd".into()));
        }
        self.kept.lock().expect("no panic").push(number);
        Ok(Rows::default())
    }
}

impl Source for Fake {
    fn name(&self) -> &str {
        "fake://"
    }
    fn place(&self, table: &str) -> String {
        table.to_owned()
    }
    fn ask(&self, _: Vec<Statement>) -> Outcome {
        Ok(Rows::default())
    }
    fn now(&self, _: &Statement) -> Option<Outcome> {
        None
    }
    fn run(&self, statements: Vec<Statement>) -> Way<'_> {
        Way::Waiting(Box::pin(async move {
            while self.mood.load(SeqCst) == SILENT {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            self.turns.lock().expect("no panic").push(statements.len());
            let before = self.kept.lock().expect("no panic").len();
            let done = statements.iter().try_for_each(|one| self.one(one).map(drop));
            if done.is_err() {
                self.kept.lock().expect("no panic").truncate(before);
            }
            done.map(|()| Rows::default())
        }))
    }
    fn each(&self, statements: Vec<Statement>) -> Way<'_, Vec<Outcome>> {
        Way::Waiting(Box::pin(async move { statements.iter().map(|s| self.one(s)).collect() }))
    }
}

fn insert(number: i64) -> Statement {
    let action = Action::Insert(vec![("n".into(), Field::Int(number))]);
    Statement { table: "t".into(), action, conditions: Vec::new() }
}

fn run<F: Future>(test: F) -> F::Output {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

#[test]
fn a_question_ends_by_its_deadline() {
    let mood = Arc::new(AtomicU8::new(SILENT));
    let source: Arc<dyn Source> = Arc::new(Fake { mood: Arc::clone(&mood), ..Fake::default() });
    let queries = Arc::new(Queries::default());
    let query = Query { deadline_ms: 20, ..Query::new(&source, insert(2)) };
    assert_eq!(run(queries.answer(query.clone())), Err(DbError::Deadline(20)));
    mood.store(WILLING, SeqCst);
    assert!(run(queries.answer(query)).is_ok());
}

#[test]
fn changes_that_runs_wait_for_are_made_together() {
    let fake = Fake { mood: Arc::new(AtomicU8::new(SILENT)), ..Fake::default() };
    let (mood, kept, turns) =
        (Arc::clone(&fake.mood), Arc::clone(&fake.kept), Arc::clone(&fake.turns));
    let source: Arc<dyn Source> = Arc::new(fake);
    let queries = Arc::new(Queries::default());
    let put = |number| {
        let (queries, Statement { table, action, .. }) = (Arc::clone(&queries), insert(number));
        let Action::Insert(fields) = action else { panic!("an insert") };
        let statement = Statement { table, action: Action::Replace(fields), conditions: vec![] };
        let query = Query::new(&source, statement);
        tokio::spawn(async move { queries.answer(query).await })
    };
    run(async {
        let first = put(0);
        yield_now().await;
        let others: Vec<_> = (1..=limits::GROUP as i64).map(|n| put(2 * n)).collect();
        yield_now().await;
        mood.store(WILLING, SeqCst);
        assert!(first.await.expect("no panic").is_ok());
        for other in others {
            assert!(other.await.expect("no panic").is_ok());
        }
        assert_eq!(
            turns.lock().expect("no panic").drain(..).collect::<Vec<_>>(),
            [1, limits::GROUP]
        );
        let three = [put(1_000), put(1_001), put(1_002)];
        let mut fine = Vec::new();
        for one in three {
            fine.push(one.await.expect("no panic").is_ok());
        }
        assert_eq!(fine, [true, false, true], "the odd one is refused alone");
        mood.store(AWAY, SeqCst);
        turns.lock().expect("no panic").clear();
        for one in [put(0), put(2)] {
            let outcome = one.await.expect("no panic");
            assert_eq!(outcome, Err(DbError::Unreachable("away".into())));
        }
        assert_eq!(turns.lock().expect("no panic").len(), 1, "it is not asked for each");
    });
    assert_eq!(kept.lock().expect("no panic").len(), 3 + limits::GROUP);
}

#[test]
fn changes_wait_for_a_database_that_is_away_and_keep_their_order() {
    let fake = Fake::default();
    let (mood, kept) = (Arc::clone(&fake.mood), Arc::clone(&fake.kept));
    let source: Arc<dyn Source> = Arc::new(fake);
    let later = Databases::default().later(&source);
    mood.store(AWAY, SeqCst);
    run(async {
        let writers = Writers::start(vec![Arc::clone(&later)]);
        (0..300).for_each(|number| assert!(later.write(insert(number * 2))));
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!((later.written(), later.lost()), (0, 0));
        mood.store(WILLING, SeqCst);
        later.write(insert(601));
        writers.stop().await;
    });
    let expected: Vec<i64> = (0..300).map(|number| number * 2).collect();
    assert_eq!(*kept.lock().expect("no panic"), expected);
    assert_eq!((later.written(), later.lost()), (300, 1), "the odd one is refused, and told");
}

#[test]
fn what_has_no_room_is_counted() {
    let source: Arc<dyn Source> = Arc::new(Fake::default());
    let later = Databases::default().later(&source);
    let room = sluice_engine::limits::LATER;
    (0..room).for_each(|_| assert!(later.write(insert(2))));
    assert!(!later.write(insert(2)));
    assert_eq!(later.lost(), 1);
}
