//! Expansions against the files in `snapshots/`. `BLESS=1 cargo test` writes them anew.

use crate::snapshot;

#[track_caller]
fn check(snapshot: &str, args: &str, item: &str) {
    snapshot::check("procedure", snapshot, args, item, |args, item| {
        super::procedure(args, item, proc_macro2::Span::call_site())
    });
}

#[test]
fn owned_and_borrowed_arguments() {
    check(
        "arguments",
        "repo = Repo, version = 1",
        "/// Docs.\n #[deprecated] pub fn pay(conn: &mut LocalConn, mut order: Order, to: &str) -> Result<i64, PayError> { body() }",
    );
}

#[test]
fn every_key_and_no_argument() {
    check(
        "every_key",
        r#"repo = a::Repo, version = 7, name = "b.c", crate = "d::e""#,
        "#[cfg(x)] pub(crate) fn r#type(_: &mut LocalConn) -> Alias {}",
    );
}

#[test]
fn every_mistake_is_told_and_a_stub_stands_in() {
    check(
        "mistakes",
        r#"repo = Repo, version = 0, name = "", retry = 1"#,
        "async unsafe fn pay(conn: LocalConn, (a, b): (u8, u8), c: &'static str, d: Option<&str>) {}",
    );
}

#[test]
fn an_item_that_is_no_function_is_left_as_it_is() {
    check("no_function", "repo = Repo, version = 1", "pub struct Pay;");
}
