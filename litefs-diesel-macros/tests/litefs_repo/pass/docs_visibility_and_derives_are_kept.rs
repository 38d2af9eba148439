//! Nothing of what the user wrote is lost, nothing is implemented twice, and no lint is raised.
#![deny(missing_docs, unreachable_pub, unused)]

use diesel::SqliteConnection;
use litefs_diesel::{LitefsRepo, RepoHandle};

/// A room with a repo.
pub mod room {
    use litefs_diesel::{Config, Error, litefs_repo};

    /// The documentation.
    #[allow(missing_docs)]
    #[litefs_repo]
    /// More of it.
    #[derive(Clone)]
    #[cfg_attr(all(), derive(Debug))]
    #[non_exhaustive]
    pub struct Repo;

    impl Repo {
        /// Names of one's own are free.
        pub async fn all(config: Config) -> Result<Self, Error> {
            Self::start(config).await
        }
        /// Even this one: it hides the trait's.
        pub fn handle(&self) {}
    }
}

/// Takes both, so both are there exactly once: a second implementation would not compile.
fn is_cloned_and_shown<T: Clone + std::fmt::Debug>() {}

/// `Repo` is visible here with its functions; its field is not.
fn hidden(repo: &room::Repo) -> &RepoHandle<SqliteConnection> {
    repo.handle();
    LitefsRepo::handle(repo)
}

fn main() {
    is_cloned_and_shown::<room::Repo>();
    let _ = (room::Repo::start, room::Repo::on, room::Repo::all, hidden);
}
