//! What this node refuses: counted by reason, and told of at most once a second a reason.
//!
//! Whoever reaches the port can be refused as often as they like, so what a refusal costs is bounded: one
//! counter a reason, and one line a second a reason, which says how many there were since the one before and
//! has the latest as an example. No label holds anything that came from outside.

use std::array;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::reason::Reason;
use crate::error::DatabaseError;
use crate::request::Refusal;

/// The least time between two lines of one reason.
const EVERY: Duration = Duration::from_secs(1);

/// How many characters of an example's text are shown: some of it may be the other's choice.
const SHOWN: usize = 300;

/// What one server refused.
pub(crate) struct Refused {
    /// One for each reason.
    tellings: [Mutex<Telling>; Reason::ALL.len()],
    /// Somebody waits to be told of.
    held_back: Notify,
}

/// What is still to be told of one reason.
#[derive(Default)]
struct Telling {
    /// When the next line may come.
    next: Option<Instant>,
    /// How many since the last line.
    count: u64,
    /// The latest that was held back.
    latest: Option<Example>,
}

/// What is told at once.
struct Line {
    count: u64,
    example: Example,
}

struct Example {
    from: String,
    why: String,
}

impl Default for Refused {
    fn default() -> Self {
        Self { tellings: array::from_fn(|_| Mutex::default()), held_back: Notify::new() }
    }
}

impl Refused {
    /// Counts one, and tells of it or holds it back. `from` is who; `why` may have words of theirs, and never
    /// has a secret.
    pub(super) fn note(&self, reason: Reason, from: &dyn fmt::Display, why: &dyn fmt::Display) {
        metrics::counter!("litefs_diesel_refused_total", "reason" => reason.label()).increment(1);
        let example = Example { from: shown(from), why: shown(why) };
        let now = Instant::now();
        let mut telling = self.tellings[reason.place()].lock();
        telling.count += 1;
        telling.latest = Some(example);
        let due = telling.due(now);
        drop(telling);
        match due {
            Some(line) => line.tell(reason),
            None => self.held_back.notify_one(),
        }
    }

    /// Tells of what was held back once its time has come. Never returns: it is for polling while there is
    /// somebody to refuse.
    pub(super) async fn keep_telling(&self) {
        loop {
            self.held_back.notified().await;
            tokio::time::sleep(EVERY).await;
            self.tell();
        }
    }

    fn tell(&self) {
        let now = Instant::now();
        for (reason, telling) in Reason::ALL.into_iter().zip(&self.tellings) {
            let due = telling.lock().due(now);
            if let Some(line) = due {
                line.tell(reason);
            }
        }
    }
}

impl Telling {
    /// The line whose time has come, if there is one. It is told when nobody is kept waiting for the lock: what
    /// the application does with its lines may take long.
    fn due(&mut self, now: Instant) -> Option<Line> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        let example = self.latest.take()?;
        self.next = Some(now + EVERY);
        Some(Line { count: std::mem::take(&mut self.count), example })
    }
}

impl Line {
    fn tell(self, reason: Reason) {
        let Self { count, example: Example { from, why } } = self;
        let (label, advice) = (reason.label(), reason.advice());
        if reason.is_common() {
            tracing::debug!(reason = label, count, from, why, "refused: {advice}");
        } else {
            tracing::warn!(reason = label, count, from, why, "refused: {advice}");
        }
    }
}

/// One who has been let in, for what is refused to it.
#[derive(Clone)]
pub(super) struct Caller {
    refused: Arc<Refused>,
    who: Arc<str>,
}

impl Caller {
    pub(super) fn new(refused: Arc<Refused>, from: SocketAddr, node: &str) -> Self {
        Self { refused, who: format!("{from} ({node})").into() }
    }

    pub(super) fn note(&self, reason: Reason, why: &dyn fmt::Display) {
        self.refused.note(reason, &self.who, why);
    }

    /// What a call of it was refused with; see [`Reason::of_call`].
    pub(super) fn refused(&self, refusal: &Refusal) {
        if let Some(reason) = Reason::of_call(refusal) {
            self.note(reason, &refusal.clone().into_error("this node"));
        }
    }

    /// What a statement of it failed with.
    pub(super) fn rejected(&self, error: &DatabaseError) {
        if let Some(reason) = Reason::of_statement(error) {
            self.note(reason, &Refusal::Rejected(error.clone()).into_error("this node"));
        }
    }
}

/// In one line, which whoever chose the words cannot end.
fn shown(text: &dyn fmt::Display) -> String {
    let text = text.to_string();
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut shown: String = text.chars().take(SHOWN).map(plain).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
