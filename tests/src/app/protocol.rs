//! The two lines.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The id under which an application says that it is ready.
pub(super) const READY: u64 = 0;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) cmd: String,
    #[serde(default)]
    pub(super) args: Value,
}

/// Either `ok` or `err` is there.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) id: u64,
    #[serde(flatten)]
    pub(super) result: Outcome,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Ok(Value),
    Err(Value),
}

impl From<Result<Value, Value>> for Outcome {
    fn from(result: Result<Value, Value>) -> Self {
        result.map_or_else(Self::Err, Self::Ok)
    }
}
