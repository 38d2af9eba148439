//! One write, in the way that its attempt names.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use litefs_diesel::{Error, LitefsConnection, Position};

use super::tables::{Entry, fault_accounts, fault_counters, fault_entries};
use super::work::{Attempt, Transfer, Way, Work};
use crate::contract::Repo;

/// What a write ended with, and by how much it or one of its calls outlived its deadline.
pub(super) struct Performed {
    pub(super) result: Result<Option<Position>, Error>,
    pub(super) late: Duration,
}

pub(super) async fn perform(repo: &Repo, attempt: &Attempt) -> Performed {
    match attempt.way {
        Way::Method | Way::Batch => {
            let begun = Instant::now();
            let result = at_once(repo, attempt).await.map(Some);
            Performed { result, late: begun.elapsed().saturating_sub(attempt.timeout()) }
        }
        Way::Connection | Way::Transaction => blocking(repo, attempt.clone()).await,
    }
}

/// In one call, which names its level and deadline.
async fn at_once(repo: &Repo, attempt: &Attempt) -> Result<Position, Error> {
    let (tag, ack, timeout) = (attempt.tag, attempt.level.ack(), attempt.timeout());
    match attempt.work {
        Work::Insert(1) => {
            let write = repo.insert::<Id, _>(fault_entries::table, Entry::of(tag));
            Ok(write.ack(ack).timeout(timeout).with_position().await?.1)
        }
        Work::Insert(rows) => {
            let rows = vec![Entry::of(tag); rows as usize];
            let write = repo.insert_all(fault_entries::table, rows);
            Ok(write.ack(ack).timeout(timeout).with_position().await?.1)
        }
        Work::Increment(counter) => {
            let of = diesel::update(fault_counters::table.find(counter));
            let batch = repo.batch().execute(of.set(fault_counters::n.eq(fault_counters::n + 1)));
            let batch = batch.execute(insert(counted(tag, counter)));
            Ok(batch.ack(ack).timeout(timeout).with_position().await?.1)
        }
        Work::Transfer(transfer) => {
            let mut batch = repo.batch();
            for (account, cents) in moves(transfer) {
                let of = diesel::update(fault_accounts::table.find(account));
                batch = batch.execute(of.set(fault_accounts::cents.eq(fault_accounts::cents + cents)));
            }
            let batch = batch.execute(insert(transferred(tag, transfer)));
            Ok(batch.ack(ack).timeout(timeout).with_position().await?.1)
        }
        Work::Refused => {
            let batch = repo.batch().execute(insert(Entry::of(tag))).execute(overdraw());
            Ok(batch.ack(ack).timeout(timeout).with_position().await?.1)
        }
    }
}

/// On the drop-in connection: each statement is a call with a deadline of its own, and so are the
/// wait for a connection, the begin and the commit.
async fn blocking(repo: &Repo, attempt: Attempt) -> Performed {
    let timeout = attempt.timeout();
    let begun = Instant::now();
    let run = repo.run(move |conn| {
        let mut calls = Calls { last: begun, timeout, late: Duration::ZERO };
        calls.ended();
        let result = match attempt.way {
            Way::Connection => insert(Entry::of(attempt.tag)).execute(conn).map(drop),
            _ => conn.transaction(|conn| {
                calls.ended();
                steps(conn, &attempt, &mut calls)
            }),
        };
        calls.ended();
        Ok::<_, Error>((result, calls.late))
    });
    match run.await {
        Ok((result, late)) => Performed { result: result.map(|()| None).map_err(Error::from), late },
        Err(error) => Performed { result: Err(error), late: begun.elapsed().saturating_sub(timeout) },
    }
}

/// How late the latest of several calls was.
struct Calls {
    last: Instant,
    timeout: Duration,
    late: Duration,
}

impl Calls {
    fn ended(&mut self) {
        self.late = self.late.max(self.last.elapsed().saturating_sub(self.timeout));
        self.last = Instant::now();
    }
}

/// With a read in between where an application would have one.
fn steps(conn: &mut LitefsConnection, attempt: &Attempt, calls: &mut Calls) -> QueryResult<()> {
    let tag = attempt.tag;
    match attempt.work {
        Work::Insert(rows) => {
            for _ in 0..rows {
                insert(Entry::of(tag)).execute(conn)?;
                calls.ended();
            }
        }
        Work::Increment(counter) => {
            let of = fault_counters::table.find(counter);
            let n: i64 = of.select(fault_counters::n).first(conn)?;
            calls.ended();
            diesel::update(of).set(fault_counters::n.eq(n + 1)).execute(conn)?;
            calls.ended();
            insert(counted(tag, counter)).execute(conn)?;
        }
        Work::Transfer(transfer) => {
            for (account, cents) in moves(transfer) {
                let of = fault_accounts::table.find(account);
                let has: i64 = of.select(fault_accounts::cents).first(conn)?;
                calls.ended();
                diesel::update(of).set(fault_accounts::cents.eq(has + cents)).execute(conn)?;
                calls.ended();
            }
            insert(transferred(tag, transfer)).execute(conn)?;
        }
        Work::Refused => {
            insert(Entry::of(tag)).execute(conn)?;
            calls.ended();
            overdraw().execute(conn)?;
        }
    }
    calls.ended();
    Ok(())
}

/// What an insert gives back.
#[derive(Queryable, Selectable)]
#[diesel(table_name = fault_entries)]
#[expect(dead_code, reason = "it is there to be loaded")]
struct Id {
    id: i64,
}

type Insert = diesel::query_builder::InsertStatement<
    fault_entries::table,
    <Entry as Insertable<fault_entries::table>>::Values,
>;

fn insert(entry: Entry) -> Insert {
    diesel::insert_into(fault_entries::table).values(entry)
}

fn counted(tag: i64, counter: i64) -> Entry {
    Entry { counter: Some(counter), ..Entry::of(tag) }
}

fn transferred(tag: i64, Transfer { source, target, cents }: Transfer) -> Entry {
    Entry { source: Some(source), target: Some(target), cents, ..Entry::of(tag) }
}

/// Whose cents change by how much.
fn moves(Transfer { source, target, cents }: Transfer) -> [(i64, i64); 2] {
    [(source, -cents), (target, cents)]
}

/// What the table's CHECK forbids.
fn overdraw() -> diesel::query_builder::SqlQuery {
    diesel::sql_query("UPDATE fault_accounts SET cents = -1 WHERE id = 1")
}
