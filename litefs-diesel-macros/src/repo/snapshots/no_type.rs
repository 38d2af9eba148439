::core::compile_error! {
    "`#[litefs_repo]` goes on a struct without fields, as in `pub struct Repo;`"
}
pub fn repo() {}
