//! A repo inside a function, among names that would catch a careless expansion.

#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Clone;
#[allow(dead_code)]
struct Config;
#[allow(dead_code)]
mod core {}

fn main() {
    use diesel::SqliteConnection as LocalConn;
    use litefs_diesel::{LitefsRepo, litefs_repo};

    #[litefs_repo(local = LocalConn)]
    struct Repo;

    #[litefs_repo]
    struct r#Self2;

    assert_eq!((Repo::NAME, Self2::NAME), ("Repo", "Self2"));
    let _ = Repo::on;
}
