//! The crate under another name, as a text and as a path, from a module too; the default name means something else.

extern crate litefs_diesel as ld;

mod litefs_diesel {}

#[ld::litefs_repo(crate = "ld")]
pub struct Repo;

mod room {
    pub(crate) mod reexported {
        pub(crate) use ::ld::*;
    }

    #[ld::litefs_repo(name = "other", crate = crate::room::reexported)]
    pub struct Repo;
}

fn main() {
    use ld::LitefsRepo;
    assert_eq!((Repo::NAME, room::Repo::NAME), ("Repo", "other"));
}
