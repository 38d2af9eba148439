//! `macro_rules!` may write a repo; derives below it are kept there too.

macro_rules! repo {
    ($(#[$attr:meta])* $vis:vis $name:ident, $local:ty, $key:literal) => {
        #[litefs_diesel::litefs_repo(local = $local, name = $key)]
        $(#[$attr])*
        $vis struct $name;
    };
}

repo!(#[derive(Clone)] pub Repo, diesel::SqliteConnection, "shop");

fn main() {
    use litefs_diesel::LitefsRepo;
    let _ = Repo::clone;
    assert_eq!(Repo::NAME, "shop");
}
