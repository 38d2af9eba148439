//! Runs a [`Collected`] query on a connection of this process: no value is copied on its way into
//! the caller's type.

use std::ops::ControlFlow;

use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSqlRow;
use diesel::result::{Error, QueryResult};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::Rows;
use super::capture::Collected;
use super::execute::push_row;

/// The rows as the caller's type. Stops after `keep` rows, and ends the statement.
pub(crate) fn load_typed<U, ST>(
    conn: &mut SqliteConnection,
    query: Collected,
    keep: usize,
) -> QueryResult<Vec<U>>
where
    U: FromSqlRow<ST, Sqlite>,
{
    LoadConnection::<DefaultLoadingMode>::load(conn, query.into_query())?
        .take(keep)
        .map(|row| U::build_from_row(&row?).map_err(Error::DeserializationError))
        .collect()
}

/// Hands the rows out in parts of about `part` bytes, until `take` breaks off.
pub(crate) fn load_parts(
    conn: &mut SqliteConnection,
    query: Collected,
    part: usize,
    mut take: impl FnMut(Rows) -> ControlFlow<()>,
) -> QueryResult<()> {
    let mut rows = Rows::default();
    for row in LoadConnection::<DefaultLoadingMode>::load(conn, query.into_query())? {
        push_row(&mut rows, &row?);
        if rows.values.byte_len() >= part && take(std::mem::take(&mut rows)).is_break() {
            return Ok(());
        }
    }
    if rows.count > 0 {
        let _ = take(rows);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use diesel::sql_types::{BigInt, Untyped};

    use super::*;

    #[test]
    fn parts_hold_every_row_once_and_end_when_told() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        let series = diesel::sql_query(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT i FROM n",
        )
        .bind::<BigInt, _>(1_000);
        let (mut parts, mut count) = (0, 0);
        load_parts(&mut conn, Collected::new(&series).unwrap(), 900, |rows| {
            assert_eq!(rows.columns, ["i"]);
            parts += 1;
            count += rows.count;
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!((parts, count), (10, 1_000));
        let mut seen = 0;
        load_parts(&mut conn, Collected::new(&series).unwrap(), 900, |rows| {
            seen += rows.count;
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!(seen, 100);
    }

    #[test]
    fn a_query_goes_inside_another_whatever_it_ends_with() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        #[derive(QueryableByName)]
        struct Count {
            #[diesel(sql_type = BigInt)]
            n: i64,
        }
        let query = diesel::sql_query("SELECT ? UNION SELECT 8 -- two\n ;").bind::<BigInt, _>(7);
        let query = Collected::new(&query).unwrap().within("SELECT COUNT(*) AS n FROM", "");
        let counts: Vec<Count> = load_typed::<_, Untyped>(&mut conn, query, usize::MAX).unwrap();
        assert_eq!(counts[0].n, 2);
    }
}
