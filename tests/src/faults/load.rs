//! The writers inside an application: each one call after the other, written down.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::clock;
use super::dice::Dice;
use super::perform::{Told, perform};
use super::record::{End, Line, Recorder};
use super::work::{Attempt, Level, Way, Work};
use crate::app::Commands;
use crate::contract::App;

/// What the writers are to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Orders {
    /// Sets the tags of one application process apart from all others'.
    pub process: u32,
    /// For the choice of writes.
    pub seed: u64,
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
    let recorder = recorder(&app)?;
    app.load.tags.store(i64::from(orders.process) << 32, Ordering::Relaxed);
    let mut writers = app.load.writers.lock().unwrap_or_else(PoisonError::into_inner);
    for writer in 0..orders.writers {
        let seed = orders.seed ^ (u64::from(orders.process) << 32) ^ u64::from(writer);
        writers.push(tokio::spawn(write_on(app.clone(), recorder.clone(), orders.clone(), Dice::new(seed))));
    }
    Ok(())
}

async fn write_on(app: Arc<App>, recorder: Arc<Recorder>, orders: Orders, mut dice: Dice) {
    while !app.load.stop.load(Ordering::Relaxed) {
        let attempt = Attempt::any(next_tag(&app), &mut dice, &orders.levels);
        one(&app, &recorder, attempt).await;
        tokio::time::sleep(dice.millis(orders.rest_ms.0, orders.rest_ms.1)).await;
    }
}

fn next_tag(app: &App) -> i64 {
    app.load.tags.fetch_add(1, Ordering::Relaxed) + 1
}

/// One call, and its two lines.
async fn one(app: &App, recorder: &Recorder, attempt: Attempt) -> End {
    recorder.write(&Line::Attempt { at: clock::now(), attempt: attempt.clone() });
    let end = told(app, &attempt).await;
    recorder.write(&Line::Ended(end.clone()));
    end
}

/// One call, and what it was told.
pub(super) async fn told(app: &App, attempt: &Attempt) -> End {
    let Told { class, detail, position, late } = perform(&app.repo, attempt).await;
    let late_ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
    let position = position.map(|position| position.to_string());
    End { at: clock::now(), tag: attempt.tag, class, detail, position, late_ms }
}

/// Has the writers end after the call that each is in, and waits for that; gives how many there were.
async fn stop(app: Arc<App>, (): ()) -> Result<usize, Value> {
    app.load.stop.store(true, Ordering::Relaxed);
    let writers = std::mem::take(&mut *app.load.writers.lock().unwrap_or_else(PoisonError::into_inner));
    let count = writers.len();
    for writer in writers {
        writer.await.map_err(|error| json!(error.to_string()))?;
    }
    recorder(&app)?.write(&Line::Finished);
    Ok(count)
}

/// One small write, recorded as the others are.
async fn probe(app: Arc<App>, timeout_ms: u64) -> Result<End, Value> {
    let tag = next_tag(&app);
    let attempt = Attempt { tag, work: Work::Insert(1), way: Way::Method, level: Level::Visible, timeout_ms };
    Ok(one(&app, &*recorder(&app)?, attempt).await)
}

fn recorder(app: &App) -> Result<Arc<Recorder>, Value> {
    app.recorder.clone().ok_or_else(|| json!("the settings name no folder for a record"))
}
