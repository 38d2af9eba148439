//! Many writes and reads at once: what they saw, and how long they took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::prelude::*;
use litefs_diesel::{Error, LitefsConnection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::app::{App, Repo};
use super::outcome;
use crate::app::Commands;

diesel::table! {
    /// See [`MARKS`].
    marks (id) {
        id -> BigInt,
        caller -> BigInt,
        number -> BigInt,
    }
}

/// The table of these commands.
pub const MARKS: &str = "CREATE TABLE IF NOT EXISTS marks (\
    id INTEGER PRIMARY KEY, caller INTEGER NOT NULL, number INTEGER NOT NULL)";

/// How long calls took, in milliseconds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Times {
    /// The middle one.
    pub p50: f64,
    /// One of a hundred took longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |share: f64| {
            let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
            times.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
        };
        Self { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands
        .add("read_back", read_back)
        .add("callers", callers)
        .add("count_up", count_up)
        .add("starve", starve)
        .add("write_for", write_for)
        .add("give_up", give_up)
}

/// What the readers of `read_back` and `callers` saw.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReadBack {
    /// Reads that did not see the write that was acknowledged before.
    pub stale: usize,
    /// How long the writes took.
    pub writes: Times,
}

/// Writes so many times, and reads each back at once by another connection and by the repo.
async fn read_back(app: Arc<App>, writes: i64) -> Result<ReadBack, Value> {
    let (repo, url) = (app.repo.clone(), app.url());
    let work = move || -> Result<ReadBack, Error> {
        let mut writer = repo.connection()?;
        let mut reader = LitefsConnection::establish(&url).map_err(|error| {
            Error::Read(diesel::result::Error::QueryBuilderError(error.to_string().into()))
        })?;
        let (mut stale, mut times) = (0, Vec::new());
        for number in 1..=writes {
            let begun = Instant::now();
            let row = (marks::caller.eq(-1), marks::number.eq(number));
            diesel::insert_into(marks::table).values(row).execute(&mut writer)?;
            times.push(begun.elapsed());
            let last = marks::table.filter(marks::caller.eq(-1)).select(diesel::dsl::max(marks::number));
            let seen: Option<i64> = last.get_result(&mut reader)?;
            stale += usize::from(seen != Some(number));
        }
        Ok(ReadBack { stale, writes: Times::of(times) })
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| json!(error.to_string()))?;
    done.map_err(|error| outcome::of(&error))
}

/// So many callers at once, each writing so often and reading its own writes through the repo.
async fn callers(app: Arc<App>, (callers, writes): (i64, i64)) -> Result<ReadBack, Value> {
    let each = (0..callers).map(|caller| tokio::spawn(one_caller(app.repo.clone(), caller, writes)));
    let (mut stale, mut times) = (0, Vec::new());
    for task in futures::future::join_all(each).await {
        let done = task.map_err(|error| json!(error.to_string()))?;
        let (missed, mut took) = done.map_err(|error| outcome::of(&error))?;
        stale += missed;
        times.append(&mut took);
    }
    Ok(ReadBack { stale, writes: Times::of(times) })
}

async fn one_caller(repo: Repo, caller: i64, writes: i64) -> Result<(usize, Vec<Duration>), Error> {
    let (mut stale, mut times) = (0, Vec::new());
    for number in 1..=writes {
        let begun = Instant::now();
        let row = (marks::caller.eq(caller), marks::number.eq(number));
        repo.execute(diesel::insert_into(marks::table).values(row)).await?;
        times.push(begun.elapsed());
        let own = repo.count(marks::table.filter(marks::caller.eq(caller))).await?;
        stale += usize::from(own != number);
    }
    Ok((stale, times))
}

/// So many callers at once, each so often adding one to one number by reading it, in a transaction;
/// gives the number that it is in the end.
async fn count_up(app: Arc<App>, (callers, times): (i64, i64)) -> Result<i64, Value> {
    let counter = || marks::table.filter(marks::caller.eq(-4));
    let zero = (marks::caller.eq(-4), marks::number.eq(0));
    let count = async {
        repo_insert(&app.repo, zero).await?;
        let each = (0..callers).map(|_| async {
            for _ in 0..times {
                let add = app.repo.transaction(move |conn| {
                    let number: i64 = counter().select(marks::number).first(conn)?;
                    diesel::update(counter()).set(marks::number.eq(number + 1)).execute(conn)?;
                    Ok::<_, Error>(())
                });
                add.await?;
            }
            Ok::<_, Error>(())
        });
        futures::future::try_join_all(each).await?;
        app.repo.one(counter().select(marks::number)).required().await
    };
    count.await.map_err(|error: Error| outcome::of(&error))
}

/// When each next write of `starve` begins, at the earliest: as often as they can, they would
/// rather measure how much time of two cores a write takes.
const PACE: Duration = Duration::from_millis(50);

/// What `starve` measured.
#[derive(Debug, Serialize, Deserialize)]
pub struct Starved {
    /// Reads a second while nobody wrote.
    pub reads_alone: f64,
    /// Reads a second while one caller wrote, one write after the other.
    pub reads_beside: f64,
    /// How long those writes took.
    pub writes: Times,
    /// How many there were.
    pub written: usize,
}

/// So many readers back to back, by the repo or by connections, for so many milliseconds without a
/// writer, and as long with one.
async fn starve(app: Arc<App>, (readers, millis, by_repo): (usize, u64, bool)) -> Result<Starved, Value> {
    let (reads, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let mut running = Vec::new();
    for _ in 0..readers {
        let (repo, reads, stop) = (app.repo.clone(), reads.clone(), stop.clone());
        running.push(match by_repo {
            true => tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    repo.count(marks::table.filter(marks::number.ge(0))).await?;
                    reads.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, Error>(())
            }),
            false => tokio::task::spawn_blocking(move || {
                let mut conn = repo.connection()?;
                while !stop.load(Ordering::Relaxed) {
                    marks::table.filter(marks::number.ge(0)).count().get_result::<i64>(&mut conn)?;
                    reads.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, Error>(())
            }),
        });
    }
    let spell = Duration::from_millis(millis);
    tokio::time::sleep(spell).await;
    let per_second = |count: u64, time: Duration| count as f64 / time.as_secs_f64();
    let reads_alone = per_second(reads.swap(0, Ordering::Relaxed), spell);

    let (begun, mut times) = (Instant::now(), Vec::new());
    let mut failed = None;
    while begun.elapsed() < spell && failed.is_none() {
        let at = Instant::now();
        let row = (marks::caller.eq(-2), marks::number.eq(0));
        failed = repo_insert(&app.repo, row).await.err();
        times.push(at.elapsed());
        tokio::time::sleep(PACE.saturating_sub(at.elapsed())).await;
    }
    let reads_beside = per_second(reads.load(Ordering::Relaxed), begun.elapsed());
    stop.store(true, Ordering::Relaxed);
    for reader in running {
        let done = reader.await.map_err(|error| json!(error.to_string()))?;
        done.map_err(|error| outcome::of(&error))?;
    }
    match failed {
        Some(error) => Err(outcome::of(&error)),
        None => Ok(Starved { reads_alone, reads_beside, written: times.len(), writes: Times::of(times) }),
    }
}

/// What `write_for` did.
#[derive(Debug, Serialize, Deserialize)]
pub struct WroteFor {
    /// How many writes were acknowledged.
    pub written: i64,
    /// How long they took.
    pub writes: Times,
    /// What the others ended with.
    pub failed: Vec<Value>,
}

/// So many callers at once, each writing one after the other for so many milliseconds.
async fn write_for(app: Arc<App>, (callers, millis): (usize, u64)) -> Result<WroteFor, Value> {
    let until = Instant::now() + Duration::from_millis(millis);
    let caller = |app: Arc<App>| async move {
        let (mut times, mut failed) = (Vec::new(), Vec::new());
        while Instant::now() < until && failed.len() < 10 {
            let at = Instant::now();
            match repo_insert(&app.repo, (marks::caller.eq(-5), marks::number.eq(0))).await {
                Ok(()) => times.push(at.elapsed()),
                Err(error) => failed.push(outcome::of(&error)),
            }
        }
        (times, failed)
    };
    let (mut times, mut failed) = (Vec::new(), Vec::new());
    for task in (0..callers).map(|_| tokio::spawn(caller(app.clone()))).collect::<Vec<_>>() {
        let (mut took, mut others) = task.await.map_err(|error| json!(error.to_string()))?;
        times.append(&mut took);
        failed.append(&mut others);
    }
    Ok(WroteFor { written: times.len() as i64, writes: Times::of(times), failed })
}

/// So many callers at once, each writing for so many milliseconds and giving up each write within
/// three milliseconds.
async fn give_up(app: Arc<App>, (callers, millis): (usize, u64)) -> Result<u64, Value> {
    let until = Instant::now() + Duration::from_millis(millis);
    let caller = |app: Arc<App>, first: u64| async move {
        let mut given_up = 0;
        for number in first.. {
            if Instant::now() >= until {
                break;
            }
            let write = repo_insert(&app.repo, (marks::caller.eq(-6), marks::number.eq(0)));
            let patience = Duration::from_micros(number * 271 % 3000);
            given_up += u64::from(tokio::time::timeout(patience, write).await.is_err());
        }
        given_up
    };
    let all = (0..callers as u64).map(|first| tokio::spawn(caller(app.clone(), first)));
    let given_up = futures::future::try_join_all(all).await.map_err(|error| json!(error.to_string()))?;
    Ok(given_up.into_iter().sum())
}

type Row = (diesel::dsl::Eq<marks::caller, i64>, diesel::dsl::Eq<marks::number, i64>);

async fn repo_insert(repo: &Repo, row: Row) -> Result<(), Error> {
    repo.execute(diesel::insert_into(marks::table).values(row)).await.map(drop)
}
