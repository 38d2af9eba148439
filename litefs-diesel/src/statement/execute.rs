//! Runs a [`Statement`] on a `SqliteConnection`, and takes its rows down as [`Rows`].

use std::time::Instant;

use diesel::connection::{Connection, DefaultLoadingMode, LoadConnection, SimpleConnection};
use diesel::result::QueryResult;
use diesel::row::{Field, Row};
use diesel::sqlite::{SqliteConnection, SqliteType, SqliteValue};

use super::fragment::Fragment;
use super::most::{Most, too_large};
use super::{Outcome, Rows, Statement, Want};
use crate::error::Bound;
use crate::value::{ValueRef, Values};

/// The same, but stops between two rows once `until` has come: then `None`. A single step (a long sort,
/// an aggregate) is not cut short: Diesel has no way to interrupt SQLite.
pub(crate) fn execute_until(
    conn: &mut SqliteConnection,
    statement: &Statement,
    until: Instant,
) -> QueryResult<Option<Outcome>> {
    if statement.want != Want::Rows {
        return execute(conn, statement).map(Some);
    }
    let mut rows = Rows::default();
    for row in LoadConnection::<DefaultLoadingMode>::load(conn, Fragment::new(statement)?)? {
        push_row(&mut rows, &row?);
        if Instant::now() >= until {
            return Ok(None);
        }
    }
    Ok(Some(Outcome { count: u64::from(rows.count), rows: Some(rows) }))
}

/// Runs one statement (for [`Want::Batch`] several), and gives what the caller wants of it.
pub(crate) fn execute(conn: &mut SqliteConnection, statement: &Statement) -> QueryResult<Outcome> {
    execute_within(conn, statement, &mut Most::UNBOUNDED.clone())
}

/// The same, but stops at the row, or before the value, with which the result would be more than that: what
/// it did until then is the caller's to take back.
pub(crate) fn execute_within(
    conn: &mut SqliteConnection,
    statement: &Statement,
    most: &mut Most,
) -> QueryResult<Outcome> {
    match statement.want {
        Want::Count => {
            let count = conn.execute_returning_count(&Fragment::new(statement)?)?;
            Ok(Outcome { count: count as u64, rows: None })
        }
        Want::Rows => {
            let rows = rows(conn, Fragment::new(statement)?, most)?;
            Ok(Outcome { count: u64::from(rows.count), rows: Some(rows) })
        }
        Want::Batch => {
            conn.batch_execute(&statement.sql)?;
            Ok(Outcome::default())
        }
    }
}

fn rows(conn: &mut SqliteConnection, fragment: Fragment<'_>, most: &mut Most) -> QueryResult<Rows> {
    let mut all = Rows::default();
    for row in LoadConnection::<DefaultLoadingMode>::load(conn, fragment)? {
        push_row_within(&mut all, &row?, most).map_err(too_large)?;
    }
    Ok(all)
}

/// Takes down one more row; the first one names the columns.
pub(super) fn push_row<'a>(rows: &mut Rows, row: &impl Row<'a, diesel::sqlite::Sqlite>) {
    // Nothing is over what has no bound.
    let _ = push_row_within(rows, row, &mut Most::UNBOUNDED.clone());
}

/// The same, unless it is more than there may be. Then it is not whole, and the rows are of no use.
fn push_row_within<'a>(
    rows: &mut Rows,
    row: &impl Row<'a, diesel::sqlite::Sqlite>,
    most: &mut Most,
) -> Result<(), Bound> {
    most.row()?;
    if rows.count == 0 {
        rows.columns = columns(row);
        most.bytes(rows.columns.iter().map(String::len).sum())?;
    }
    for column in 0..row.field_count() {
        with_value(row.get(column).as_ref().and_then(Field::value), |value| {
            most.bytes(value.byte_len())?;
            rows.values.push(value);
            Ok(())
        })?;
    }
    rows.count += 1;
    Ok(())
}

fn columns<'a>(row: &impl Row<'a, diesel::sqlite::Sqlite>) -> Vec<String> {
    (0..row.field_count())
        .map(|column| {
            let field = row.get(column);
            field.as_ref().and_then(Field::field_name).unwrap_or_default().to_owned()
        })
        .collect()
}

/// Appends what a column holds, by its storage class.
pub(super) fn push_value(values: &mut Values, value: Option<SqliteValue<'_, '_, '_>>) {
    with_value(value, |value| values.push(value));
}

/// Hands out what a column holds, not copied yet.
#[inline]
fn with_value<T>(value: Option<SqliteValue<'_, '_, '_>>, take: impl FnOnce(ValueRef<'_>) -> T) -> T {
    let Some(mut value) = value else { return take(ValueRef::Null) };
    match value.value_type() {
        None => take(ValueRef::Null),
        Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
            take(ValueRef::Integer(value.read_long()))
        }
        Some(SqliteType::Float | SqliteType::Double) => take(ValueRef::Real(value.read_double())),
        Some(SqliteType::Text) => {
            let text = value.read_text();
            // Diesel puts this character where the bytes are not UTF-8. It may also be in the text
            // itself; either way the bytes tell. They cost a copy, so they are not asked always.
            if text.contains(char::REPLACEMENT_CHARACTER) {
                take(ValueRef::Text(value.read_blob()))
            } else {
                take(ValueRef::Text(text.as_bytes()))
            }
        }
        // A storage class that SQLite does not have yet would be bytes.
        Some(_) => take(ValueRef::Blob(value.read_blob())),
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::Connection;

    use super::*;

    fn statement(sql: &str, want: Want) -> Statement {
        Statement { sql: sql.into(), binds: Values::new(), cacheable: false, want }
    }

    #[test]
    fn rows_keep_names_order_and_storage_classes() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        let sql = "SELECT 1 AS a, 2.5 AS b, 't' AS a, x'00ff' AS c, NULL, CAST(x'ff41' AS TEXT), '\u{fffd}'";
        let rows = execute(&mut conn, &statement(sql, Want::Rows)).unwrap().rows.unwrap();
        assert_eq!(rows.columns[..4], ["a", "b", "a", "c"]);
        assert_eq!(rows.count, 1);
        assert_eq!(
            rows.values.iter().collect::<Vec<_>>(),
            [
                ValueRef::Integer(1),
                ValueRef::Real(2.5),
                ValueRef::Text(b"t"),
                ValueRef::Blob(&[0, 255]),
                ValueRef::Null,
                ValueRef::Text(&[0xff, b'A']),
                ValueRef::Text("\u{fffd}".as_bytes()),
            ]
        );
    }

    #[test]
    fn a_count_is_the_number_of_rows_changed() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        execute(&mut conn, &statement("CREATE TABLE t (a); CREATE TABLE u (a)", Want::Batch)).unwrap();
        let insert = statement("INSERT INTO t VALUES (1), (2), (3)", Want::Count);
        assert_eq!(execute(&mut conn, &insert).unwrap().count, 3);
    }
}
