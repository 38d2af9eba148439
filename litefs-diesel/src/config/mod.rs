//! Settings: from code, the environment, a file.

/// What a node is told.
#[derive(Debug, Clone)]
pub struct Config {}

/// A setting is wrong, or the node cannot start with it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);
