//! The typed methods, and what `#[litefs_repo]` expands into.

mod litefs_repo;
mod local;

pub use litefs_repo::LitefsRepo;
pub use local::LocalConnection;

use std::fmt;
use std::marker::PhantomData;

use diesel::SqliteConnection;

use crate::config::Config;
use crate::error::{Error, NotExecuted};
use crate::node::Node;

// FOR THE `repo` AND `node` ENGINEERS: from here to the end of the file everything is replaced by
// yours. The macro needs these names and signatures. `RepoHandle` has no bound on `L`, so that a
// wrong `local = …` is one message (at the trait implementation) and not one at each mention.

/// What a repo that `#[litefs_repo]` made holds.
pub struct RepoHandle<L = SqliteConnection> {
    local: PhantomData<fn() -> L>,
}

impl<L> Clone for RepoHandle<L> {
    fn clone(&self) -> Self {
        Self { local: PhantomData }
    }
}

impl<L> fmt::Debug for RepoHandle<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepoHandle").finish_non_exhaustive()
    }
}

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
