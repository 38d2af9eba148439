//! How a repo comes to its node: what `#[litefs_repo]` calls.

use super::LitefsRepo;
use crate::config::Config;
use crate::error::{Error, NotExecuted};
use crate::node::Node;

// FOR THE LEAD: both bodies are the node's, and end in
// `R::from_handle(RepoHandle::new(Arc<Database>))`.

/// Starts a node that serves the repo `R` alone.
pub async fn start<R: LitefsRepo>(config: Config) -> Result<R, Error> {
    let _ = config;
    Err(Error::NotExecuted(NotExecuted::ShuttingDown))
}

/// The repo `R` on a node that serves it.
pub fn on<R: LitefsRepo>(node: &Node) -> Result<R, Error> {
    let _ = node;
    Err(Error::NotExecuted(NotExecuted::ShuttingDown))
}
