//! Expansions against the files in `snapshots/`. `BLESS=1 cargo test` writes them anew.

use super::litefs_repo;
use crate::snapshot;

#[track_caller]
fn check(snapshot: &str, args: &str, item: &str, derives_above: &[&str]) {
    let derives_above = derives_above.iter().map(|derive| (*derive).to_owned()).collect();
    snapshot::check("repo", snapshot, args, item, |args, item| {
        litefs_repo(args, item, derives_above, proc_macro2::Span::call_site())
    });
}

#[test]
fn without_arguments() {
    check("without_arguments", "", "struct Repo;", &[]);
}

#[test]
fn all_arguments() {
    check(
        "all_arguments",
        r#"local = conn::Local<A, B>, name = "shop", crate = "a::b", procedures(pay, bank::refund)"#,
        "pub struct Repo;",
        &[],
    );
}

#[test]
fn docs_visibility_attributes_and_derives_are_kept_and_not_doubled() {
    check(
        "kept",
        "",
        "/// Docs.\n #[derive(PartialEq, std::clone::Clone)] #[non_exhaustive] #[derive(Debug)] pub(crate) struct r#Repo;",
        &[],
    );
}

#[test]
fn every_mistake_is_told_and_a_stub_stands_in() {
    check(
        "mistakes",
        "colour = 5, local = 5, name, procedures = a::b, , local = u8",
        "#[derive(Debug)] pub struct Repo<'a> { a: &'a u8 }",
        &["#[derive(Clone)]"],
    );
}

#[test]
fn an_item_that_is_no_type_is_left_as_it_is() {
    check("no_type", "", "pub fn repo() {}", &[]);
}
