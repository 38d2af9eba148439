//! What a connection of a node refuses, each with what to do instead.

use diesel::result::Error as DieselError;

/// A statement that sets what only this connection would hold, while the writes run elsewhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(
        "a TEMP table belongs to one connection, and writes do not run on this one: \
         create it in `Config::on_open`, or use a table of the database, a `WITH`, or a procedure that drops it again; nothing ran"
    )]
    Temp,
    #[error(
        "an attached database belongs to one connection, and writes do not run on this one: \
         attach it in `Config::on_open`; nothing ran"
    )]
    Attach,
    #[error(
        "`PRAGMA {name}` sets how one connection writes, and writes do not run on this one: \
         set it in `Config::on_open`; nothing ran"
    )]
    Governs { name: String },
    #[error(
        "`PRAGMA {name} = {asked}` asks for what repo `{repo}` does not have ({has}): \
         set `{name}` in its settings (`Config`, or `[repo.{repo}]` of litefs-diesel.toml); nothing ran"
    )]
    Setting { name: &'static str, asked: String, has: String, repo: String },
    #[error(
        "`PRAGMA {name} = {asked}` asks for what the database does not have ({has}): \
         it is fixed when the database is created; nothing ran"
    )]
    Founds { name: String, asked: String, has: String },
}

impl From<Refusal> for DieselError {
    fn from(refusal: Refusal) -> Self {
        Self::QueryBuilderError(Box::new(refusal))
    }
}
