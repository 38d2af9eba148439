//! The schema as far as it is guarded: what is the library's in it, and what else names that.

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::sqlite::SqliteConnection;

use super::names::{Names, is_ours};
use super::program::Roots;
use crate::statement::{Fixed, Prepared};

/// What was found at one version of the schema.
pub(super) struct Schema {
    version: i64,
    /// What is the library's or names what is, in the order in which it was made.
    guarded: Vec<Object>,
    pub(super) roots: Roots,
    /// Whether something of the schema could write where only the library does, so that the words of
    /// a statement do not tell all that it does.
    pub(super) reaches: bool,
}

/// One row of `sqlite_schema`.
#[derive(Debug, QueryableByName)]
struct Object {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    of: String,
    #[diesel(sql_type = Text)]
    sql: String,
    #[diesel(sql_type = Integer)]
    root: i32,
}

impl Schema {
    /// Looks at it.
    pub(super) fn load(conn: &mut SqliteConnection) -> QueryResult<Self> {
        let version = version(conn)?;
        let mut guarded: Vec<Object> = diesel::sql_query(GUARDED).load(conn)?;
        guarded.retain(Object::concerns);
        let temp: Vec<Object> = diesel::sql_query(OF_TEMP).load(conn)?;
        let roots = Roots {
            main: guarded.iter().filter(|object| object.is_ours()).map(|object| object.root).collect(),
            temp: temp.iter().map(|object| object.root).collect(),
        };
        let reaches = guarded.iter().any(|object| !object.is_ours());
        Ok(Self { version, guarded, roots, reaches })
    }

    /// Whether it is still of this version.
    pub(super) fn is_of(&self, conn: &mut SqliteConnection) -> QueryResult<bool> {
        Ok(version(conn)? == self.version)
    }

    /// What is gone of the library, or came to it. Where it is stored does not count, which `VACUUM`
    /// changes, and what only reached for it may go.
    pub(super) fn difference(&self, now: &Self) -> Option<String> {
        let is_in = |object: &Object, schema: &Self| schema.guarded.iter().any(|other| object.is(other));
        let gone = self.guarded.iter().filter(|object| object.is_ours()).find(|object| !is_in(object, now));
        gone.or_else(|| now.guarded.iter().find(|object| !is_in(object, self))).map(|it| it.name.clone())
    }
}

impl Object {
    /// A table or an index of the library.
    fn is_ours(&self) -> bool {
        self.root > 0 && is_ours(&self.of.to_ascii_lowercase())
    }

    /// Whether it is the library's, or could write there: by its text, and not by a comment in it.
    fn concerns(&self) -> bool {
        let named = |name: &str| is_ours(&name.to_ascii_lowercase());
        let Names { ours, schema, pages, .. } = Names::of(&self.sql);
        ours || named(&self.name) || named(&self.of) || (self.kind == "trigger" && (schema || pages))
    }

    fn is(&self, other: &Self) -> bool {
        (&self.kind, &self.name, &self.of, &self.sql) == (&other.kind, &other.name, &other.of, &other.sql)
    }
}

/// What may concern this room, by letters that stand anywhere in it.
const GUARDED: &str = "\
    SELECT type AS kind, name, tbl_name AS of, coalesce(sql, '') AS sql, coalesce(rootpage, 0) AS root \
    FROM main.sqlite_schema \
    WHERE instr(lower(name || tbl_name || coalesce(sql, '')), 'litefs_diesel') > 0 \
      OR (type = 'trigger' AND instr(lower(sql), 'sqlite_') > 0)";

/// The writer's own.
const OF_TEMP: &str = "\
    SELECT type AS kind, name, tbl_name AS of, coalesce(sql, '') AS sql, coalesce(rootpage, 0) AS root \
    FROM temp.sqlite_schema WHERE lower(tbl_name) LIKE 'litefs\\_diesel\\_%' ESCAPE '\\' AND rootpage > 0";

fn version(conn: &mut SqliteConnection) -> QueryResult<i64> {
    Prepared::<Version>::row::<i64, BigInt>(conn)
}

struct Version;
impl Fixed for Version {
    const SQL: &'static str = "PRAGMA main.schema_version";
}
