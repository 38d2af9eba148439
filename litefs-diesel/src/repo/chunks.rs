//! Many one-row inserts as few statements of many rows.
//!
//! Diesel's own batch insert goes row by row for SQLite as soon as a field may be left out; here
//! neighbours with the same text, and so with the same columns, share a statement.

use diesel::query_builder::QueryFragment;
use diesel::result::QueryResult;
use diesel::sqlite::Sqlite;

use super::text::sql_of;
use crate::statement::capture::{Collected, capture};
use crate::statement::{Statement, Want};

/// SQLite's limit of variables in a statement (`SQLITE_MAX_VARIABLE_NUMBER`, its default).
const MOST_VARIABLES: usize = 32_766;

/// The inserts in order, merged where they can be; each with `RETURNING` the columns, if any.
pub(super) fn chunks<S: QueryFragment<Sqlite>>(
    inserts: impl Iterator<Item = S>,
    columns: Option<&dyn QueryFragment<Sqlite>>,
    want: Want,
) -> QueryResult<Vec<Statement>> {
    let returning = match columns {
        Some(columns) => format!(" RETURNING {}", sql_of(columns)?),
        None => String::new(),
    };
    let mut done = Vec::new();
    let mut open: Option<Chunk<S>> = None;
    for insert in inserts {
        let sql = sql_of(&insert)?;
        match &mut open {
            Some(chunk) if chunk.sql == sql && chunk.rows.len() < chunk.most => chunk.rows.push(insert),
            _ => {
                let next = Chunk::new(sql, insert)?;
                if let Some(full) = open.replace(next) {
                    done.push(full.finish(&returning, columns, want)?);
                }
            }
        }
    }
    if let Some(last) = open {
        done.push(last.finish(&returning, columns, want)?);
    }
    Ok(done)
}

/// Rows whose inserts have the same text.
struct Chunk<S> {
    sql: String,
    rows: Vec<S>,
    /// How many rows go into one statement.
    most: usize,
}

impl<S: QueryFragment<Sqlite>> Chunk<S> {
    fn new(sql: String, row: S) -> QueryResult<Self> {
        let most = if row_values(&sql).is_some() {
            // As many as the binds say: a `?` in the text may be part of a string.
            let variables = capture(&row, Want::Count)?.binds.len();
            MOST_VARIABLES / variables.max(1)
        } else {
            1
        };
        Ok(Self { sql, rows: vec![row], most: most.max(1) })
    }

    fn finish(
        self,
        returning: &str,
        columns: Option<&dyn QueryFragment<Sqlite>>,
        want: Want,
    ) -> QueryResult<Statement> {
        let cacheable = self.rows.len() == 1;
        let mut sql = self.sql;
        if let Some(start) = row_values(&sql) {
            let values = sql[start..].to_owned();
            sql.reserve((values.len() + 2) * self.rows.len());
            for _ in 1..self.rows.len() {
                sql.push_str(", ");
                sql.push_str(&values);
            }
        }
        sql.push_str(returning);
        let rows = self.rows.iter().map(|row| row as &dyn QueryFragment<Sqlite>);
        let parts: Vec<_> = rows.chain(columns).collect();
        Collected::from_parts(sql, cacheable, &parts)?.into_statement(want)
    }
}

/// Where `(…)` of `INSERT INTO … VALUES (…)` begins, when it is one row's and the text ends with
/// it. Anything else (`DEFAULT VALUES`, `SELECT`) stays a statement of its own.
fn row_values(sql: &str) -> Option<usize> {
    let mut start = None;
    let mut depth = 0usize;
    let mut quote = None;
    for (i, byte) in sql.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"' | b'`') => quote = Some(byte),
            (None, b'(') => {
                if depth == 0 && sql[..i].ends_with(" VALUES ") {
                    start = Some(i);
                }
                depth += 1;
            }
            (None, b')') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && start.is_some() {
                    return start.filter(|_| i + 1 == sql.len());
                }
            }
            (None, _) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::row_values;

    #[test]
    fn only_the_values_of_one_row_at_the_end_are_repeated() {
        let of = |sql: &'static str| row_values(sql).map(|start| &sql[start..]);
        assert_eq!(of("INSERT INTO `a` (`b`) VALUES (?)"), Some("(?)"));
        assert_eq!(of("INSERT INTO `a (` (`b`) VALUES (lower(?), ')', ?)"), Some("(lower(?), ')', ?)"));
        assert_eq!(of("INSERT INTO ` VALUES (` (`b`) VALUES (?)"), Some("(?)"));
        assert_eq!(of("INSERT INTO `a` DEFAULT VALUES"), None);
        assert_eq!(of("INSERT INTO `a` (`b`) SELECT * FROM (VALUES (1))"), None);
        assert_eq!(of("INSERT INTO `a` (`b`) VALUES (?) ON CONFLICT (`b`) DO NOTHING"), None);
        assert_eq!(of("INSERT INTO `a` (`b`) VALUES (?), (?)"), None);
    }
}
