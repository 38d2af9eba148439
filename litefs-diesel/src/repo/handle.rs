//! The handle that a repo is.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use diesel::SqliteConnection;

use super::database::Database;

/// One database of a node, with the typed methods. What `#[litefs_repo]` makes dereferences to it.
///
/// Cloning is cheap: all clones are the same repo. `L` is the application's own connection type.
pub struct RepoHandle<L = SqliteConnection> {
    pub(crate) database: Arc<Database>,
    local: PhantomData<fn() -> L>,
}

impl<L> RepoHandle<L> {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database, local: PhantomData }
    }
}

impl<L> Clone for RepoHandle<L> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.database))
    }
}

impl<L> fmt::Debug for RepoHandle<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RepoHandle").field(&self.database).finish()
    }
}
