//! Rows that came back from the primary, given to Diesel once more.
//!
//! Diesel builds the caller's types from SQLite's own rows and from nothing else. So the values
//! are bound to a `SELECT` on a `:memory:` connection, and its rows are loaded as the caller's
//! type: every `FromSql` works, the application's own too.

use diesel::connection::{Connection, DefaultLoadingMode, LoadConnection, SimpleConnection};
use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::Untyped;
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::Rows;
use super::capture::{open_scratch, with_scratch};
use super::fragment::Bind;

/// The cursor and row types of `SqliteConnection`.
pub(crate) type Cursor<'conn, 'query> =
    <SqliteConnection as LoadConnection<DefaultLoadingMode>>::Cursor<'conn, 'query>;

/// SQLite's default limit of variables in a statement.
const VARIABLES: usize = 32_766;

/// A `:memory:` connection that a cursor may borrow, for connections that hand cursors out.
pub(crate) struct Replay(SqliteConnection);

impl Replay {
    pub(crate) fn new() -> QueryResult<Self> {
        open_scratch().map(Self)
    }

    /// The rows as Diesel's own cursor.
    pub(crate) fn load<'query>(&mut self, rows: &Rows) -> QueryResult<Cursor<'_, 'query>> {
        load(&mut self.0, rows)
    }
}

/// The rows as the caller's type, read on this thread's scratch connection.
pub(crate) fn replay_as<U, ST>(rows: &Rows) -> QueryResult<Vec<U>>
where
    U: FromSqlRow<ST, Sqlite>,
{
    with_scratch(|scratch| {
        let mut all = Vec::with_capacity(rows.count as usize);
        for row in load(scratch, rows)? {
            let built = U::build_from_row(&row?).map_err(diesel::result::Error::DeserializationError)?;
            all.push(built);
        }
        Ok(all)
    })
}

fn load<'conn, 'query>(
    scratch: &'conn mut SqliteConnection,
    rows: &Rows,
) -> QueryResult<Cursor<'conn, 'query>> {
    if rows.count > 0 && rows.columns.is_empty() {
        return Err(Error::DeserializationError("rows without a column came back from the primary".into()));
    }
    if rows.values.len() <= VARIABLES {
        return LoadConnection::<DefaultLoadingMode>::load(scratch, Select::from_binds(rows));
    }
    fill_table(scratch, rows)?;
    LoadConnection::<DefaultLoadingMode>::load(scratch, Select::from_table(rows.columns.clone()))
}

/// Too many values for one statement: a table takes them in parts. Its columns have no type, so
/// that SQLite keeps each value's storage class.
fn fill_table(scratch: &mut SqliteConnection, rows: &Rows) -> QueryResult<()> {
    let width = rows.columns.len();
    let columns: Vec<_> = (1..=width).map(|column| format!("column{column}")).collect();
    scratch.batch_execute("DROP TABLE IF EXISTS replay")?;
    scratch.batch_execute(&format!("CREATE TABLE replay ({})", columns.join(",")))?;
    let part = VARIABLES / width * width;
    let mut values = rows.values.iter().map(Bind::from).peekable();
    while values.peek().is_some() {
        let binds: Vec<_> = values.by_ref().take(part).collect();
        scratch.execute_returning_count(&Insert { width, binds })?;
    }
    Ok(())
}

struct Insert<'v> {
    width: usize,
    binds: Vec<Bind<'v>>,
}

impl QueryFragment<Sqlite> for Insert<'_> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        pass.unsafe_to_cache_prepared();
        pass.push_sql("INSERT INTO replay VALUES ");
        push_tuples(&mut pass, &self.binds, self.width)
    }
}

impl QueryId for Insert<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// `SELECT column1 AS "id", … FROM`: the binds themselves, or the table that took them.
struct Select {
    columns: Vec<String>,
    binds: Vec<Bind<'static>>,
}

impl Select {
    fn from_binds(rows: &Rows) -> Self {
        let binds = rows.values.iter().map(|value| Bind::from(value).into_owned()).collect();
        Self { columns: rows.columns.clone(), binds }
    }

    fn from_table(columns: Vec<String>) -> Self {
        Self { columns, binds: Vec::new() }
    }
}

impl QueryFragment<Sqlite> for Select {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        // Each result has a text of its own: kept prepared, they would pile up without bound.
        pass.unsafe_to_cache_prepared();
        if self.columns.is_empty() {
            pass.push_sql("SELECT NULL WHERE 0");
            return Ok(());
        }
        pass.push_sql("SELECT ");
        for (index, name) in self.columns.iter().enumerate() {
            pass.push_sql(if index > 0 { "," } else { "" });
            pass.push_sql(&format!("column{} AS ", index + 1));
            pass.push_identifier(name)?;
        }
        if self.binds.is_empty() {
            pass.push_sql(" FROM replay ORDER BY rowid");
            return Ok(());
        }
        pass.push_sql(" FROM (VALUES ");
        push_tuples(&mut pass, &self.binds, self.columns.len())?;
        pass.push_sql(")");
        Ok(())
    }
}

impl QueryId for Select {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Select {
    type SqlType = Untyped;
}

fn push_tuples<'b>(
    pass: &mut AstPass<'_, 'b, Sqlite>,
    binds: &'b [Bind<'_>],
    width: usize,
) -> QueryResult<()> {
    for (index, bind) in binds.iter().enumerate() {
        pass.push_sql(match (index, index % width) {
            (0, _) => "(",
            (_, 0) => "),(",
            _ => ",",
        });
        bind.push(pass)?;
    }
    pass.push_sql(")");
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::deserialize::QueryableByName;
    use diesel::prelude::*;

    use super::*;
    use crate::statement::{Statement, Want, execute::execute};
    use crate::value::Values;

    fn rows(sql: &str) -> Rows {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        let statement =
            Statement { sql: sql.into(), binds: Values::new(), cacheable: false, want: Want::Rows };
        execute(&mut conn, &statement).unwrap().rows.unwrap()
    }

    fn round_trip(rows: &Rows) -> Rows {
        let mut replay = Replay::new().unwrap();
        let mut all = Rows::default();
        for row in replay.load(rows).unwrap() {
            crate::statement::execute::push_row(&mut all, &row.unwrap());
        }
        all
    }

    #[test]
    fn names_and_storage_classes_come_out_as_they_went_in() {
        let before = rows(
            "SELECT 1 AS \"a`b\", 9e999 AS c, -9223372036854775808 AS c, '' AS d, x'' AS e, NULL AS f, \
             CAST(x'61ff00' AS TEXT) AS g, 'a' || char(0) || 'b' AS h, 1.0 AS i, zeroblob(1048576) AS j",
        );
        assert_eq!(round_trip(&before), before);
    }

    #[test]
    fn many_rows_and_many_columns_come_out_in_order() {
        let series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
        let before = rows(&format!("{series} SELECT i, 'x' || i, i / 2.0, NULL FROM n"));
        assert_eq!(before.values.len(), 80_000);
        assert_eq!(round_trip(&before), before);
        let wide: Vec<_> = (0..2_000).map(|i| format!("{i} AS c{i}")).collect();
        let before = rows(&format!("SELECT {}", wide.join(",")));
        assert_eq!(round_trip(&before), before);
        let before = rows(&format!("{series} SELECT {} FROM n LIMIT 40", wide.join(",")));
        assert_eq!(round_trip(&before), before);
    }

    #[test]
    fn no_rows_stay_no_rows() {
        assert_eq!(round_trip(&rows("SELECT 1 WHERE 0")).count, 0);
    }

    #[test]
    fn rows_are_built_as_the_callers_type_by_name_too() {
        #[derive(QueryableByName, Debug, PartialEq)]
        struct Named {
            #[diesel(sql_type = diesel::sql_types::Text)]
            name: String,
            #[diesel(sql_type = diesel::sql_types::Integer)]
            id: i32,
        }
        let rows = rows("SELECT 3 AS id, 'Ada' AS name");
        let named: Vec<Named> = replay_as::<_, Untyped>(&rows).unwrap();
        assert_eq!(named, [Named { name: "Ada".into(), id: 3 }]);
        type Row = (diesel::sql_types::Integer, diesel::sql_types::Text);
        assert_eq!(replay_as::<(i32, String), Row>(&rows).unwrap(), [(3, "Ada".to_owned())]);
    }
}
