//! One write, in the way that its attempt names.

use std::time::{Duration, Instant};

use diesel::connection::LoadConnection;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use litefs_diesel::{CallError, DbError, Error, Position, procedure};

use super::record::Class;
use super::tables::{Entry, fault_accounts, fault_counters, fault_entries};
use super::work::{Attempt, Transfer, Way, Work};
use crate::contract::Repo;

/// What a caller was told, and by how much that came after its deadline.
pub(super) struct Told {
    pub(super) class: Class,
    pub(super) detail: Option<String>,
    pub(super) position: Option<Position>,
    pub(super) late: Duration,
}

pub(super) async fn perform(repo: &Repo, attempt: &Attempt) -> Told {
    let begun = Instant::now();
    let (class, detail, position) = match asked(repo, attempt).await {
        Ok(position) => (Class::Value, None, position),
        Err(CallError::Outcome(error)) => (Class::of(&error), Some(error.to_string()), error.position()),
        // A procedure's own error: it is rolled back, as what the database refuses is.
        Err(CallError::Procedure(error)) => (Class::Rejected, Some(error.to_string()), None),
    };
    Told { class, detail, position, late: begun.elapsed().saturating_sub(attempt.timeout()) }
}

async fn asked(repo: &Repo, attempt: &Attempt) -> Result<Option<Position>, CallError<DbError>> {
    let Attempt { tag, work, .. } = *attempt;
    let (ack, timeout) = (attempt.level.ack(), attempt.timeout());
    let steps = move |conn: &mut _| Ok::<_, Error>(steps(conn, tag, work)?);
    match attempt.way {
        Way::Method | Way::Batch => return Ok(Some(at_once(repo, attempt).await?)),
        Way::Procedure => {
            let call = repo.faults_write(tag, work).ack(ack).timeout(timeout);
            return Ok(Some(call.with_position().await?.1));
        }
        Way::Connection => {
            let insert = move |conn: &mut _| Ok::<_, Error>(insert(Entry::of(tag)).execute(conn).map(drop)?);
            repo.run(insert).ack(ack).timeout(timeout).await?;
        }
        Way::Transaction => repo.transaction(steps).ack(ack).timeout(timeout).await?,
        Way::Retrying => repo.retrying_transaction(steps).ack(ack).timeout(timeout).await?,
    }
    Ok(None)
}

/// By a typed method, or several of them in a batch.
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

/// The same as a procedure.
#[procedure(repo = Repo, version = 1)]
pub fn faults_write(conn: &mut SqliteConnection, tag: i64, work: Work) -> Result<(), DbError> {
    Ok(steps(conn, tag, work)?)
}

/// In a transaction that is open, with a read in between where an application would have one.
fn steps(conn: &mut impl LoadConnection<Backend = Sqlite>, tag: i64, work: Work) -> QueryResult<()> {
    match work {
        Work::Insert(rows) => {
            for _ in 0..rows {
                insert(Entry::of(tag)).execute(conn)?;
            }
        }
        Work::Increment(counter) => {
            let of = fault_counters::table.find(counter);
            let n: i64 = of.select(fault_counters::n).first(conn)?;
            diesel::update(of).set(fault_counters::n.eq(n + 1)).execute(conn)?;
            insert(counted(tag, counter)).execute(conn)?;
        }
        Work::Transfer(transfer) => {
            for (account, cents) in moves(transfer) {
                let of = fault_accounts::table.find(account);
                let has: i64 = of.select(fault_accounts::cents).first(conn)?;
                diesel::update(of).set(fault_accounts::cents.eq(has + cents)).execute(conn)?;
            }
            insert(transferred(tag, transfer)).execute(conn)?;
        }
        Work::Refused => {
            insert(Entry::of(tag)).execute(conn)?;
            overdraw().execute(conn)?;
        }
    }
    Ok(())
}

/// What an insert gives back.
#[derive(Queryable, Selectable)]
#[diesel(table_name = fault_entries)]
pub(super) struct Id {
    pub(super) id: i64,
}

pub(super) type Insert = diesel::query_builder::InsertStatement<
    fault_entries::table,
    <Entry as Insertable<fault_entries::table>>::Values,
>;

pub(super) fn insert(entry: Entry) -> Insert {
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
