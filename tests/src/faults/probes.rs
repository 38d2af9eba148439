//! What one fault by itself is looked at with: single calls, and reads and transactions that stay
//! open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use futures::StreamExt;
use litefs_diesel::{Error, ReadLevel};
use serde_json::Value;

use super::load::told;
use super::record::{Class, End};
use super::tables::{Entry, fault_entries};
use super::work::Attempt;
use super::{clock, perform};
use crate::app::Commands;
use crate::contract::{App, outcome};

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands
        .add("faults_call", call)
        .add("faults_id", id)
        .add("faults_slow", slow)
        .add("faults_retrying", retrying)
        .add("faults_opened", opened)
        .add("faults_fresh", fresh)
        .add("faults_snapshot", snapshot)
        .add("faults_stream", stream)
        .add("faults_readers", readers)
}

/// How often something that stays open was opened in this application.
#[derive(Debug, Default)]
pub struct Opened(AtomicUsize);

impl Opened {
    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

async fn opened(app: Arc<App>, (): ()) -> Result<usize, Value> {
    Ok(app.opened.0.load(Ordering::SeqCst))
}

/// One call that goes into no record.
async fn call(app: Arc<App>, attempt: Attempt) -> Result<End, Value> {
    Ok(told(&app, &attempt).await)
}

/// Inserts a row, perhaps under a key, within so many milliseconds; gives its id, as the first answer had
/// it.
async fn id(app: Arc<App>, (tag, millis, key): (i64, u64, Option<String>)) -> Result<i64, Value> {
    let mut write = app.repo.insert::<perform::Id, _>(fault_entries::table, Entry::of(tag));
    if let Some(key) = key {
        write = write.idempotency_key(key);
    }
    let inserted = write.timeout(Duration::from_millis(millis)).await;
    inserted.map(|row| row.id).map_err(|error| outcome::of(&error))
}

/// A transaction that inserts a row, stays open for so many milliseconds, and inserts another.
async fn slow(app: Arc<App>, (tag, millis): (i64, u64)) -> Result<End, Value> {
    let inside = app.clone();
    let result = app.repo.transaction(move |conn| {
        perform::insert(Entry::of(tag)).execute(conn)?;
        inside.opened.one_more();
        std::thread::sleep(Duration::from_millis(millis));
        perform::insert(Entry::of(tag)).execute(conn)?;
        Ok::<_, Error>(())
    });
    let (class, detail) = match result.await {
        Ok(()) => (Class::Value, None),
        Err(error) => (Class::of(&error), Some(error.to_string())),
    };
    Ok(End { at: clock::now(), tag, class, detail, position: None, given: None, late_ms: 0 })
}

/// A transaction that may run again: each run inserts a row, stays open for so many milliseconds if it is the
/// first, and inserts another. Gives how often it ran.
async fn retrying(app: Arc<App>, (tag, millis): (i64, u64)) -> Result<usize, Value> {
    let (inside, runs) = (app.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = runs.clone();
    let done = app.repo.retrying_transaction(move |conn| {
        perform::insert(Entry::of(tag)).execute(conn)?;
        inside.opened.one_more();
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(millis));
        }
        perform::insert(Entry::of(tag)).execute(conn)?;
        Ok::<_, Error>(())
    });
    done.timeout(Duration::from_secs(20)).await.map_err(|error| outcome::of(&error))?;
    Ok(runs.load(Ordering::SeqCst))
}

/// How many rows there are, by a read that lags so many milliseconds at most, within a second.
async fn fresh(app: Arc<App>, millis: u64) -> Result<i64, Value> {
    let read = app.repo.count(fault_entries::table).at(ReadLevel::MaxLag(Duration::from_millis(millis)));
    read.timeout(Duration::from_secs(1)).await.map_err(|error| outcome::of(&error))
}

/// A snapshot that is read, left open for so many milliseconds, and read again.
async fn snapshot(app: Arc<App>, millis: u64) -> Result<i64, Value> {
    let inside = app.clone();
    let read = app.repo.read_transaction(move |conn| {
        let _: i64 = fault_entries::table.count().get_result(conn)?;
        inside.opened.one_more();
        std::thread::sleep(Duration::from_millis(millis));
        Ok::<_, Error>(fault_entries::table.count().get_result(conn)?)
    });
    read.timeout(Duration::from_millis(2 * millis)).await.map_err(|error| outcome::of(&error))
}

/// A stream of which one row is taken, and the next ones so many milliseconds later; gives how many
/// there were.
async fn stream(app: Arc<App>, millis: u64) -> Result<usize, Value> {
    let mut rows = app.repo.stream::<i64>(fault_entries::table.select(fault_entries::tag));
    let mut count = 0;
    while let Some(row) = rows.next().await {
        row.map_err(|error| outcome::of(&error))?;
        count += 1;
        if count == 1 {
            app.opened.one_more();
            tokio::time::sleep(Duration::from_millis(millis)).await;
        }
    }
    Ok(count)
}

/// So many tasks that read all the time, for so many milliseconds; gives how often they did.
async fn readers(app: Arc<App>, (readers, millis): (u32, u64)) -> Result<u64, Value> {
    let until = Instant::now() + Duration::from_millis(millis);
    let readers = (0..readers).map(|_| {
        let app = app.clone();
        tokio::spawn(async move {
            let mut reads = 0;
            while Instant::now() < until {
                let last = fault_entries::table.order(fault_entries::id.desc()).limit(20);
                // That a read may fail in the middle of a fault is not what is looked at here.
                let read = app.repo.all::<i64>(last.select(fault_entries::tag)).await;
                reads += u64::from(read.is_ok());
                tokio::task::yield_now().await;
            }
            reads
        })
    });
    let reads = futures::future::join_all(readers).await;
    Ok(reads.into_iter().filter_map(Result::ok).sum())
}
