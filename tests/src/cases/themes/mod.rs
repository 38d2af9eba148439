//! The cases, a file a theme. Compiled once for each connection type, as `super::Conn`.
//!
//! Nothing here knows which connection it runs on, and nothing here compares: a case says what it
//! saw. How to add one is said in [`cases`](crate::cases).

mod associations;
mod bare_only;
mod cache;
mod column_types;
mod ddl;
mod delete;
mod errors;
mod insert;
mod instrumentation;
mod joins;
mod manager;
mod pools;
mod pools_async;
mod query;
mod raw;
mod returning;
mod script;
mod session;
mod storage;
mod transactions;
mod triggers;
mod update;
mod upsert;

use std::sync::LazyLock;

use super::Conn;
use crate::cases::{Case, Scope, Seen, UrlCase};

/// Lists the functions of a theme as cases.
macro_rules! cases {
    ($theme:literal: $($name:ident),* $(,)?) => {
        pub(super) const CASES: &[crate::cases::Case<super::Conn>] = &[$(
            crate::cases::Case {
                name: concat!($theme, "::", stringify!($name)),
                scope: crate::cases::Scope::Everywhere,
                body: $name,
            },
        )*];
    };
}
use cases;

/// All cases that run on a connection they are given.
pub fn all() -> &'static [Case<Conn>] {
    static ALL: LazyLock<Vec<Case<Conn>>> = LazyLock::new(|| {
        let themes = [
            associations::CASES,
            bare_only::CASES,
            cache::CASES,
            column_types::CASES,
            ddl::CASES,
            delete::CASES,
            errors::CASES,
            insert::CASES,
            instrumentation::CASES,
            joins::CASES,
            manager::CASES,
            query::CASES,
            raw::CASES,
            returning::CASES,
            script::CASES,
            session::CASES,
            storage::CASES,
            transactions::CASES,
            triggers::CASES,
            update::CASES,
            upsert::CASES,
        ];
        let copy = |case: &Case<Conn>| Case { name: case.name, scope: case.scope, body: case.body };
        themes.into_iter().flatten().map(copy).collect()
    });
    &ALL
}

/// Runs [`all`] on a connection; see [`run_all`](crate::cases::run_all).
pub fn run_all(conn: &mut Conn, scope: Scope) -> Seen {
    crate::cases::run_all(all(), conn, scope)
}

/// All cases that open their connections themselves.
pub fn with_url() -> &'static [UrlCase] {
    pools::CASES
}

/// Runs one of [`with_url`] on the database at a URL; `None`: there is none of that name.
pub async fn run_one_with_url(url: &str, name: &str) -> Option<serde_json::Value> {
    let case = with_url().iter().find(|case| case.name == name)?;
    Some(pools::run_one(url, case).await)
}

/// Runs [`with_url`] on the database at a URL.
pub async fn run_with_url(url: &str) -> Seen {
    pools::run(url).await
}
