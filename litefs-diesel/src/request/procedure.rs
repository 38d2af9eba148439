//! Calls of procedures, and what a node has to run for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use diesel::sqlite::SqliteConnection;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::error::DatabaseError;

/// A call of a procedure, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcedureCall {
    pub(crate) name: String,
    pub(crate) version: u32,
    /// Its arguments, serialised.
    #[serde(with = "serde_bytes")]
    pub(crate) args: Vec<u8>,
}

/// What a procedure returned, serialised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// Its value: it is committed.
    Ok(#[serde(with = "serde_bytes")] Vec<u8>),
    /// Its own error: nothing of it is kept.
    Err(#[serde(with = "serde_bytes")] Vec<u8>),
}

impl Reply {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Ok(bytes) | Self::Err(bytes) => bytes,
        }
    }
}

/// Runs a procedure on the writer's connection, in a transaction that the writer ends: rolled back
/// on [`Reply::Err`] and on an error of this function's own, which says what was wrong with the call
/// (arguments that do not fit).
pub(crate) type Run = Arc<dyn Fn(&mut SqliteConnection, &[u8]) -> Result<Reply, DatabaseError> + Send + Sync>;

/// The procedures of one repo that this process has.
#[derive(Default)]
pub(crate) struct Procedures(RwLock<BTreeMap<(String, u32), Run>>);

impl Procedures {
    /// Makes one known; the same name and version again replaces it.
    pub(crate) fn register(&self, name: &str, version: u32, run: Run) {
        self.0.write().insert((name.to_owned(), version), run);
    }

    /// What runs for a call, if it is known here.
    pub(crate) fn find(&self, call: &ProcedureCall) -> Option<Run> {
        self.0.read().get(&(call.name.clone(), call.version)).cloned()
    }
}

impl fmt::Debug for Procedures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.read().keys()).finish()
    }
}
