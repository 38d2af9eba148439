//! Several repos in one application, of one name in several modules too, behind one node.

use litefs_diesel::{Error, LitefsRepo, Node, litefs_repo};

#[litefs_repo]
pub struct Repo;

#[litefs_repo(local = diesel::SqliteConnection, name = "audit-log")]
pub struct AuditRepo;

mod search {
    #[litefs_diesel::litefs_repo(name = "search",)]
    pub struct Repo;
}

fn all(node: &Node) -> Result<(Repo, AuditRepo, search::Repo), Error> {
    Ok((Repo::on(node)?, AuditRepo::on(node)?, search::Repo::on(node)?))
}

fn main() {
    assert_eq!([Repo::NAME, AuditRepo::NAME, search::Repo::NAME], ["Repo", "audit-log", "search"]);
    let _ = all;
}
