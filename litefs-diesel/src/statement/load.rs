//! Runs a [`Collected`] query on a connection of this process: no value is copied on its way into
//! the caller's type.

use std::ops::ControlFlow;
use std::time::Instant;

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

/// Hands the rows out in parts of about `part` bytes, until `take` breaks off; `until` is asked at
/// each row, also where a part takes long to fill. Gives whether it came to the end of the rows.
pub(crate) fn load_parts(
    conn: &mut SqliteConnection,
    query: Collected,
    part: usize,
    until: Instant,
    mut take: impl FnMut(Rows) -> ControlFlow<()>,
) -> QueryResult<LoadEnd> {
    let mut rows = Rows::default();
    for row in LoadConnection::<DefaultLoadingMode>::load(conn, query.into_query())? {
        push_row(&mut rows, &row?);
        if Instant::now() >= until {
            return Ok(LoadEnd::TooLong);
        }
        if rows.values.byte_len() >= part && take(std::mem::take(&mut rows)).is_break() {
            return Ok(LoadEnd::BrokenOff);
        }
    }
    if rows.count > 0 {
        let _ = take(rows);
    }
    Ok(LoadEnd::All)
}

/// How a reading in parts ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadEnd {
    /// There are no more rows.
    All,
    /// Nobody wants more.
    BrokenOff,
    /// It took too long.
    TooLong,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let long = Instant::now() + Duration::from_secs(60);
        let end = load_parts(&mut conn, Collected::new(&series).unwrap(), 900, long, |rows| {
            assert_eq!(rows.columns, ["i"]);
            parts += 1;
            count += rows.count;
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!((parts, count, end), (10, 1_000, LoadEnd::All));
        let mut seen = 0;
        let end = load_parts(&mut conn, Collected::new(&series).unwrap(), 900, long, |rows| {
            seen += rows.count;
            ControlFlow::Break(())
        })
        .unwrap();
        assert_eq!((seen, end), (100, LoadEnd::BrokenOff));
        let end = load_parts(&mut conn, Collected::new(&series).unwrap(), 900, Instant::now(), |_| {
            panic!("it is over before the first part is full")
        });
        assert_eq!(end, Ok(LoadEnd::TooLong));
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
