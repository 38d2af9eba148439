::core::compile_error! {
    "unknown key `colour`; the keys are `local`, `name`, `crate` and `procedures`"
}
::core::compile_error! {
    "`local` takes a connection type, as in `local = SqliteConnection`"
}
::core::compile_error! {
    "`name` takes a text, as in `name = \"Repo\"`"
}
::core::compile_error! {
    "`procedures` takes the paths of functions that have `#[procedure]`, as in `procedures(bank::transfer)`"
}
::core::compile_error! {
    "expected `key = value`; the keys are `local`, `name`, `crate` and `procedures`"
}
::core::compile_error! {
    "`local` is given twice"
}
::core::compile_error! {
    "`#[derive(Clone)]` above `#[litefs_repo]` has seen another struct, without the handle: put it below"
}
::core::compile_error! {
    "a repo has no fields of your own: write `struct Repo;`, and put state into a struct that holds the repo"
}
::core::compile_error! {
    "a repo is one database, and has no lifetimes: declare one struct for each"
}
#[derive(Debug)]
pub struct Repo<'a> {
    a: &'a u8,
}
impl<'a> Repo<'a> {
    pub async fn start(
        _: ::litefs_diesel::Config,
    ) -> ::core::result::Result<Self, ::litefs_diesel::Error> {
        ::core::unreachable!()
    }
    pub fn on(
        _: &::litefs_diesel::Node,
    ) -> ::core::result::Result<Self, ::litefs_diesel::Error> {
        ::core::unreachable!()
    }
    pub fn call<P: ::litefs_diesel::Procedure>(
        &self,
        _: P::Args,
    ) -> ::litefs_diesel::repo::Call<P> {
        ::core::unreachable!()
    }
}
impl<'a> ::core::ops::Deref for Repo<'a> {
    type Target = ::litefs_diesel::RepoHandle<
        ::litefs_diesel::__private::SqliteConnection,
    >;
    fn deref(&self) -> &Self::Target {
        ::core::unreachable!()
    }
}
