//! Inside a function, with the crate under another name, among names that would catch a careless
//! expansion.

extern crate litefs_diesel as ld;

mod litefs_diesel {}
#[allow(dead_code)]
mod core {}
#[allow(dead_code)]
mod std {}
#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Option;

fn main() {
    use diesel::SqliteConnection as LocalConn;
    use ld::Procedure;

    #[ld::litefs_repo(crate = "ld", local = LocalConn, procedures(greet))]
    struct Repo;

    #[ld::procedure(crate = "ld", repo = Repo, version = 3)]
    pub(crate) fn greet(_: &mut LocalConn, name: &str) -> ::core::result::Result<String, ld::DbError> {
        Ok(name.to_owned())
    }

    let _ = Repo::greet;
    assert_eq!((greet::NAME, greet::VERSION), ("greet", 3));
}
