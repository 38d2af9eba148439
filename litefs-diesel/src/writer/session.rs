//! `last_insert_rowid()` and `changes()` of many callers on one connection.
//!
//! SQLite keeps both for the connection, and here one connection writes for everybody. So before
//! a caller's statement runs, the connection is brought to what the caller's own would say, by
//! inserts into a TEMP table, and afterwards it is asked.

use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use crate::statement::{Fixed, Prepared, Session, Statement};

/// More changes than this are not rebuilt: it would take a row each.
const MOST_CHANGES: i64 = 10_000;

pub(super) fn set_up(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.batch_execute(
        "PRAGMA temp_store = MEMORY; \
         CREATE TEMP TABLE IF NOT EXISTS litefs_diesel_session (id INTEGER PRIMARY KEY)",
    )
}

/// Makes the connection answer as the caller's own would. `changes()` costs a row for each, and is
/// only brought along for statements that may ask for it.
pub(super) fn restore(
    conn: &mut SqliteConnection,
    session: Session,
    statements: &[Statement],
) -> QueryResult<()> {
    conn.execute_returning_count(&Prepared::<Forget>::NEW)?;
    let insert = "INSERT OR REPLACE INTO temp.litefs_diesel_session (id)";
    let asked = statements.iter().any(|statement| statement.sql.to_ascii_lowercase().contains("changes"));
    if asked && session.changes > 1 {
        let changes = session.changes.min(MOST_CHANGES);
        diesel::sql_query(format!(
            "{insert} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
             SELECT CASE i WHEN ?1 THEN ?2 ELSE i END FROM n"
        ))
        .bind::<BigInt, _>(changes)
        .bind::<BigInt, _>(session.last_insert_rowid)
        .execute(conn)?;
        return Ok(());
    }
    diesel::sql_query(format!("{insert} VALUES (?)"))
        .bind::<BigInt, _>(session.last_insert_rowid)
        .execute(conn)?;
    if asked && session.changes == 0 {
        conn.execute_returning_count(&Prepared::<Forget>::NEW)?;
        conn.execute_returning_count(&Prepared::<Forget>::NEW)?;
    }
    Ok(())
}

/// What the connection says after the caller's statement.
pub(super) fn read(conn: &mut SqliteConnection) -> QueryResult<Session> {
    let (last_insert_rowid, changes) = Prepared::<Ask>::row::<(i64, i64), (BigInt, BigInt)>(conn)?;
    Ok(Session { last_insert_rowid, changes })
}

struct Forget;
impl Fixed for Forget {
    const SQL: &'static str = "DELETE FROM temp.litefs_diesel_session";
}

struct Ask;
impl Fixed for Ask {
    const SQL: &'static str = "SELECT last_insert_rowid(), changes()";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::Want;
    use crate::value::Values;

    #[test]
    fn the_connection_answers_as_the_callers_own_would() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        set_up(&mut conn).unwrap();
        let asks = Statement {
            sql: "SELECT changes()".into(),
            binds: Values::new(),
            cacheable: false,
            want: Want::Rows,
        };
        for (last_insert_rowid, changes) in
            [(7, 1), (7, 1), (i64::MIN, 0), (3, 5), (2, 3), (i64::MAX, 1_000), (0, 2), (0, 0)]
        {
            let session = Session { last_insert_rowid, changes };
            restore(&mut conn, session, std::slice::from_ref(&asks)).unwrap();
            assert_eq!(read(&mut conn).unwrap(), session);
        }
    }
}
