//! Writes that are to be on more nodes than their own.

use std::sync::Arc;
use std::time::Duration;

use litefs_diesel::Ack;
use serde_json::{Value, json};

use super::app::App;
use super::outcome;
use crate::app::Commands;

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands.add("write_at", write_at)
}

/// Runs a statement as a write of that level (`visible`, `replicated(1)`, `everywhere`), within so many
/// milliseconds.
async fn write_at(app: Arc<App>, (sql, level, millis): (String, String, u64)) -> Result<usize, Value> {
    let counted = level.strip_prefix("replicated(").and_then(|rest| rest.strip_suffix(')'));
    let ack = match (level.as_str(), counted.map(str::parse)) {
        ("visible", _) => Ack::Visible,
        ("everywhere", _) => Ack::Everywhere,
        (_, Some(Ok(nodes))) => Ack::Replicated(nodes),
        _ => return Err(json!(format!("{level} is no level"))),
    };
    let write = app.repo.execute(diesel::sql_query(sql)).ack(ack).timeout(Duration::from_millis(millis));
    write.await.map_err(|error| outcome::of(&error))
}
