//! The writers inside an application: each one call after the other, written down.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::clock;
use super::dice::Dice;
use super::perform::{Told, perform};
use super::record::{End, Line};
use super::work::{Attempt, Level, Way, Work};
use crate::app::Commands;
use crate::contract::App;

/// What the writers are to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// For the choice of writes, together with the number of the process.
    pub seed: u64,
    /// Which process of the run this is.
    pub process: u32,
    /// How many write at once.
    pub writers: u32,
    /// How long each rests after a call, in milliseconds: from and to.
    pub rest_ms: (u64, u64),
    /// The levels, and how often each.
    pub levels: Vec<(u64, Level)>,
}

impl Orders {
    /// The usual load of one application: it leaves the machine room for the others.
    #[must_use]
    pub fn new(seed: u64, levels: &[(u64, Level)]) -> Self {
        Self { process: 0, seed, writers: 5, rest_ms: (5, 40), levels: levels.to_vec() }
    }
}

/// The load of one application.
#[derive(Debug, Default)]
pub struct Load {
    tags: AtomicI64,
    stop: Arc<AtomicBool>,
    writers: Mutex<Vec<JoinHandle<()>>>,
}

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands.add("faults_load", load).add("faults_stop", stop).add("faults_probe", probe)
}

/// Starts the writers.
async fn load(app: Arc<App>, orders: Orders) -> Result<(), Value> {
    if app.recorder.is_none() {
        return Err(json!("the settings name no folder for a record"));
    }
    let mut writers = app.load.writers.lock().unwrap_or_else(PoisonError::into_inner);
    for writer in 0..orders.writers {
        let seed = orders.seed ^ (u64::from(orders.process) << 32) ^ u64::from(writer);
        writers.push(tokio::spawn(write_on(app.clone(), orders.clone(), Dice::new(seed))));
    }
    Ok(())
}

async fn write_on(app: Arc<App>, orders: Orders, mut dice: Dice) {
    while !app.load.stop.load(Ordering::Relaxed) {
        let attempt = Attempt::any(next_tag(&app), &mut dice, &orders.levels);
        one(&app, attempt).await;
        tokio::time::sleep(dice.millis(orders.rest_ms.0, orders.rest_ms.1)).await;
    }
}

fn next_tag(app: &App) -> i64 {
    // The process id sets them apart from those of all other applications.
    (i64::from(std::process::id()) << 32) + app.load.tags.fetch_add(1, Ordering::Relaxed)
}

/// One call, and its two lines.
async fn one(app: &App, attempt: Attempt) -> End {
    note(app, &Line::Attempt { at: clock::now(), attempt: attempt.clone() });
    let end = told(app, &attempt).await;
    note(app, &Line::Ended(end.clone()));
    end
}

/// One call, and what it was told.
pub(super) async fn told(app: &App, attempt: &Attempt) -> End {
    let Told { class, detail, position, given, late } = perform(&app.repo, attempt).await;
    let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
    let position = position.map(|position| position.to_string());
    End { at: clock::now(), tag: attempt.tag, class, detail, position, given, late_ms }
}

/// Has the writers end after the call that each is in, and waits for that; gives how many there were.
async fn stop(app: Arc<App>, (): ()) -> Result<usize, Value> {
    app.load.stop.store(true, Ordering::Relaxed);
    let writers = std::mem::take(&mut *app.load.writers.lock().unwrap_or_else(PoisonError::into_inner));
    let count = writers.len();
    for writer in writers {
        writer.await.map_err(|error| json!(error.to_string()))?;
    }
    note(&app, &Line::Finished);
    Ok(count)
}

/// One small write, recorded as the others are, where there is a record.
async fn probe(app: Arc<App>, timeout_ms: u64) -> Result<End, Value> {
    let tag = next_tag(&app);
    let attempt = Attempt { tag, work: Work::Insert(1), way: Way::Method, level: Level::Visible, timeout_ms };
    Ok(one(&app, attempt).await)
}

fn note(app: &App, line: &Line) {
    if let Some(recorder) = &app.recorder {
        recorder.write(line);
    }
}
