//! The default local connection and name; what the repo implements; private, and used through `&`.

use diesel::SqliteConnection;
use litefs_diesel::{Config, Error, LitefsRepo, Node, RepoHandle, litefs_repo};

#[litefs_repo]
struct Repo;

async fn start(config: Config) -> Result<Repo, Error> {
    Repo::start(config).await
}

fn on(node: &Node) -> Result<Repo, Error> {
    Repo::on(node)
}

fn typed_methods(repo: &Repo) -> &RepoHandle<SqliteConnection> {
    repo
}

fn is_repo<R: LitefsRepo<Local = SqliteConnection> + Clone + std::fmt::Debug + Send + Sync + 'static>() {}

fn is_send<F: Future + Send>(_: impl Fn(Config) -> F) {}

fn main() {
    is_repo::<Repo>();
    is_send(start);
    let _ = (on, typed_methods);
    assert_eq!(Repo::NAME, "Repo");
}
