//! One write, in the way that its attempt names.

use std::time::{Duration, Instant};

use diesel::connection::LoadConnection;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use litefs_diesel::repo::Write;
use litefs_diesel::{CallError, DbError, Error, Position, procedure};

use super::record::{Class, Given};
use super::tables::{Entry, fault_accounts, fault_counters, fault_entries, fault_uniques};
use super::work::{Attempt, Transfer, Way, Work};
use crate::contract::Repo;

/// What a caller was told, and by how much that came after its deadline.
pub(super) struct Told {
    pub(super) class: Class,
    pub(super) detail: Option<String>,
    pub(super) position: Option<Position>,
    pub(super) given: Option<Given>,
    pub(super) late: Duration,
}

/// What is under a key is asked for once more when nobody knows: then the key tells.
pub(super) async fn perform(repo: &Repo, attempt: &Attempt) -> Told {
    let first = once(repo, attempt).await;
    if first.class != Class::Unknown || !attempt.way.is_keyed() {
        return first;
    }
    let second = once(repo, attempt).await;
    let late = first.late.max(second.late);
    // That the second did not run says nothing of the first.
    let known = !matches!(second.class, Class::Unknown | Class::NotExecuted | Class::Lost);
    Told { late, ..if known { second } else { first } }
}

async fn once(repo: &Repo, attempt: &Attempt) -> Told {
    let begun = Instant::now();
    let (class, detail, position, given) = match asked(repo, attempt).await {
        Ok((given, position)) => (Class::Value, None, position, Some(given)),
        Err(CallError::Outcome(error)) => {
            (Class::of(&error), Some(error.to_string()), error.position(), given_by(&error))
        }
        // A procedure's own error: it is rolled back, as what the database refuses is.
        Err(CallError::Procedure(error)) => (Class::Rejected, Some(error.to_string()), None, None),
    };
    let late = begun.elapsed().saturating_sub(attempt.timeout());
    Told { class, detail, position, given, late }
}

/// What a write that is done but not as far as asked for has returned, in each way's own type.
fn given_by(error: &Error) -> Option<Given> {
    let given = error.value::<Given>().cloned();
    let given = given.or_else(|| error.value::<Id>().map(|row| Given::Id(row.id)));
    let given = given.or_else(|| error.value::<UniqueId>().map(|row| Given::Id(row.id)));
    let given = given.or_else(|| error.value::<usize>().map(|count| Given::Counts(vec![*count])));
    given.or_else(|| error.value::<Vec<usize>>().cloned().map(Given::Counts))
}

async fn asked(repo: &Repo, attempt: &Attempt) -> Result<(Given, Option<Position>), CallError<DbError>> {
    let Attempt { tag, work, .. } = *attempt;
    let (ack, timeout) = (attempt.level.ack(), attempt.timeout());
    let steps = move |conn: &mut _| Ok::<_, Error>(steps(conn, tag, work)?);
    let given = match attempt.way {
        Way::Method | Way::Batch | Way::Keyed => {
            let (given, position) = at_once(repo, attempt).await?;
            return Ok((given, Some(position)));
        }
        Way::Procedure | Way::KeyedProcedure => {
            let (given, position) = on(attempt, repo.faults_write(tag, work).with_position()).await?;
            return Ok((given, Some(position)));
        }
        // One statement, and so no transaction of its own.
        Way::Connection => repo.run(steps).ack(ack).timeout(timeout).await?,
        Way::Transaction => repo.transaction(steps).ack(ack).timeout(timeout).await?,
        Way::Retrying => repo.retrying_transaction(steps).ack(ack).timeout(timeout).await?,
    };
    Ok((given, None))
}

/// A write on the terms of its attempt.
fn on<T: Send + 'static, E: Send + 'static>(attempt: &Attempt, write: Write<T, E>) -> Write<T, E> {
    let write = write.ack(attempt.level.ack()).timeout(attempt.timeout());
    if attempt.way.is_keyed() { write.idempotency_key(format!("fault-{}", attempt.tag)) } else { write }
}

/// By a typed method, or several of them in a batch.
async fn at_once(repo: &Repo, attempt: &Attempt) -> Result<(Given, Position), Error> {
    let tag = attempt.tag;
    let batch = match attempt.work {
        Work::Insert(1) => {
            let write = repo.insert::<Id, _>(fault_entries::table, Entry::of(tag));
            let (row, position) = on(attempt, write.with_position()).await?;
            return Ok((Given::Id(row.id), position));
        }
        Work::Unique => {
            let write = repo.insert::<UniqueId, _>(fault_uniques::table, fault_uniques::tag.eq(tag));
            let (row, position) = on(attempt, write.with_position()).await?;
            return Ok((Given::Id(row.id), position));
        }
        Work::Insert(rows) => {
            let write = repo.insert_all(fault_entries::table, vec![Entry::of(tag); rows as usize]);
            let (count, position) = on(attempt, write.with_position()).await?;
            return Ok((Given::Counts(vec![count]), position));
        }
        Work::Increment(counter) => {
            let of = diesel::update(fault_counters::table.find(counter));
            let batch = repo.batch().execute(of.set(fault_counters::n.eq(fault_counters::n + 1)));
            batch.execute(insert(counted(tag, counter)))
        }
        Work::Transfer(transfer) => {
            let mut batch = repo.batch();
            for (account, cents) in moves(transfer) {
                let of = diesel::update(fault_accounts::table.find(account));
                batch = batch.execute(of.set(fault_accounts::cents.eq(fault_accounts::cents + cents)));
            }
            batch.execute(insert(transferred(tag, transfer)))
        }
        Work::Refused => repo.batch().execute(insert(Entry::of(tag))).execute(overdraw()),
    };
    let (counts, position) = on(attempt, batch.with_position()).await?;
    Ok((Given::Counts(counts), position))
}

/// The same as a procedure.
#[procedure(repo = Repo, version = 1)]
pub fn faults_write(conn: &mut SqliteConnection, tag: i64, work: Work) -> Result<Given, DbError> {
    Ok(steps(conn, tag, work)?)
}

/// In a transaction that is open, with a read in between where an application would have one.
fn steps(conn: &mut impl LoadConnection<Backend = Sqlite>, tag: i64, work: Work) -> QueryResult<Given> {
    match work {
        Work::Insert(rows) => {
            for _ in 1..rows {
                insert(Entry::of(tag)).execute(conn)?;
            }
            inserted(conn, Entry::of(tag))
        }
        Work::Unique => {
            let insert = diesel::insert_into(fault_uniques::table).values(fault_uniques::tag.eq(tag));
            insert.returning(fault_uniques::id).get_result(conn).map(Given::Id)
        }
        Work::Increment(counter) => {
            let of = fault_counters::table.find(counter);
            let n: i64 = of.select(fault_counters::n).first(conn)?;
            diesel::update(of).set(fault_counters::n.eq(n + 1)).execute(conn)?;
            inserted(conn, counted(tag, counter))
        }
        Work::Transfer(transfer) => {
            for (account, cents) in moves(transfer) {
                let of = fault_accounts::table.find(account);
                let has: i64 = of.select(fault_accounts::cents).first(conn)?;
                diesel::update(of).set(fault_accounts::cents.eq(has + cents)).execute(conn)?;
            }
            inserted(conn, transferred(tag, transfer))
        }
        Work::Refused => {
            let given = inserted(conn, Entry::of(tag))?;
            overdraw().execute(conn)?;
            Ok(given)
        }
    }
}

fn inserted(conn: &mut impl LoadConnection<Backend = Sqlite>, entry: Entry) -> QueryResult<Given> {
    insert(entry).returning(fault_entries::id).get_result(conn).map(Given::Id)
}

/// What an insert gives back.
#[derive(Queryable, Selectable)]
#[diesel(table_name = fault_entries)]
pub(super) struct Id {
    pub(super) id: i64,
}

/// The same of the other table.
#[derive(Queryable, Selectable)]
#[diesel(table_name = fault_uniques)]
struct UniqueId {
    id: i64,
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
