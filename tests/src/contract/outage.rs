//! Writers that go on while something is down, and say for each write what they know of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use litefs_diesel::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::app::{App, Repo};
use super::outcome;
use crate::app::Commands;

diesel::table! {
    tokens (id) {
        id -> BigInt,
        token -> BigInt,
    }
}

/// The table of these commands. A token may be there twice: that is what is looked for.
pub const TOKENS: &str = "CREATE TABLE IF NOT EXISTS tokens (id INTEGER PRIMARY KEY, token INTEGER NOT NULL)";

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands.add("write_on", write_on).add("tokens", all_tokens)
}

/// What writers are to do.
#[derive(Debug, Serialize, Deserialize)]
pub struct WriteOn {
    /// How many write at once, each one write after the other.
    pub writers: i64,
    /// For how long, in milliseconds.
    pub millis: u64,
    /// The deadline of each write, in milliseconds.
    pub timeout_ms: u64,
}

/// What they know of their writes, by their tokens.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Known {
    /// Done, and visible or not.
    pub done: Vec<i64>,
    /// Surely not done.
    pub not_done: Vec<i64>,
    /// May be done.
    pub unknown: Vec<i64>,
    /// Each error once for each text, with how often.
    pub errors: Vec<(String, usize)>,
    /// By how much the latest answer came after its deadline, in milliseconds.
    pub late_ms: f64,
    /// The longest that writes of one writer failed in a row, in milliseconds.
    pub down_ms: f64,
}

impl Known {
    fn take(&mut self, token: i64, result: &Result<usize, Error>) {
        let error = match result {
            Ok(_) => return self.done.push(token),
            Err(error) => error,
        };
        match outcome::of(error)["outcome"].as_str() {
            Some("committed") => self.done.push(token),
            Some("rejected" | "not_executed") => self.not_done.push(token),
            _ => self.unknown.push(token),
        }
        let text = error.to_string();
        match self.errors.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => self.errors.push((text, 1)),
        }
    }
}

async fn write_on(app: Arc<App>, what: WriteOn) -> Result<Known, Value> {
    let until = Instant::now() + Duration::from_millis(what.millis);
    let timeout = Duration::from_millis(what.timeout_ms);
    let writers = (0..what.writers).map(|writer| tokio::spawn(one(app.repo.clone(), writer, until, timeout)));
    let mut all = Known::default();
    for known in futures::future::join_all(writers).await {
        let mut known = known.map_err(|error| Value::from(error.to_string()))?;
        all.done.append(&mut known.done);
        all.not_done.append(&mut known.not_done);
        all.unknown.append(&mut known.unknown);
        all.late_ms = all.late_ms.max(known.late_ms);
        all.down_ms = all.down_ms.max(known.down_ms);
        for (text, count) in known.errors {
            match all.errors.iter_mut().find(|(known, _)| *known == text) {
                Some((_, sum)) => *sum += count,
                None => all.errors.push((text, count)),
            }
        }
    }
    Ok(all)
}

async fn one(repo: Repo, writer: i64, until: Instant, timeout: Duration) -> Known {
    let mut known = Known::default();
    let mut token = writer << 32;
    let mut last_done = Instant::now();
    while Instant::now() < until {
        token += 1;
        let begun = Instant::now();
        let insert = diesel::insert_into(tokens::table).values(tokens::token.eq(token));
        let result = repo.execute(insert).timeout(timeout).await;
        let late = begun.elapsed().saturating_sub(timeout).as_secs_f64() * 1e3;
        known.late_ms = known.late_ms.max(late);
        known.take(token, &result);
        known.down_ms = known.down_ms.max(last_done.elapsed().as_secs_f64() * 1e3);
        if result.is_ok() {
            last_done = Instant::now();
        } else {
            // An error that comes at once is not to be asked for a million times.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    known
}

/// All tokens that this node's file has, in order.
async fn all_tokens(app: Arc<App>, (): ()) -> Result<Vec<i64>, Value> {
    let tokens = app.repo.all(tokens::table.select(tokens::token).order(tokens::token)).await;
    tokens.map_err(|error| outcome::of(&error))
}
