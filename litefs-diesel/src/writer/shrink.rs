//! `VACUUM` and `PRAGMA incremental_vacuum` under LiteFS, which does not survive every one.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use crate::error::DatabaseError;
use crate::statement::pragma::Pragma;
use crate::statement::split::{first_statement, split};
use crate::statement::{Statement, Want};

/// How many pages LiteFS 0.5 keeps one checksum for (`ChecksumBlockSize`). In WAL mode it panics
/// (`index out of range` in `DB.checksum`) over a commit after which the database has fewer such
/// blocks, and never gives SQLite's write lock back: nobody writes until LiteFS is started anew.
const BLOCK: i64 = 256;

/// Whether a statement makes the file smaller: `VACUUM`, but not `VACUUM INTO`, which reads.
pub(super) fn shrinks(sql: &str) -> bool {
    if Pragma::parse(sql).is_some_and(|pragma| pragma.name == "incremental_vacuum") {
        return true;
    }
    let mut tokens = first_statement(sql);
    tokens.next().is_some_and(|first| first.is("VACUUM")) && !tokens.any(|token| token.is("INTO"))
}

/// Why this database must not be vacuumed, if so. How small it would become is not known before,
/// so only one that has a single block may.
pub(super) fn refused(conn: &mut SqliteConnection) -> QueryResult<Option<DatabaseError>> {
    let query = "SELECT journal_mode, page_count FROM pragma_journal_mode, pragma_page_count";
    let File { journal_mode, page_count } = diesel::sql_query(query).get_result(conn)?;
    let refused = journal_mode.eq_ignore_ascii_case("wal") && page_count > BLOCK;
    Ok(refused.then(|| {
        DatabaseError::other(format!(
            "to vacuum a database of {page_count} pages in WAL mode would lock up LiteFS 0.5, which takes no \
             transaction that makes one of more than {BLOCK} pages smaller: write `VACUUM INTO 'file'`, and bring \
             that file in with `litefs import`"
        ))
    }))
}

/// The same for statements within a transaction, of which few vacuum.
pub(super) fn refused_in(conn: &mut SqliteConnection, statements: &[Statement]) -> Option<DatabaseError> {
    let any = statements.iter().any(|statement| match statement.want {
        Want::Count | Want::Rows => shrinks(&statement.sql),
        Want::Batch => split(&statement.sql).iter().any(|part| shrinks(part.sql)),
    });
    if any { refused(conn).unwrap_or_else(|error| Some(error.into())) } else { None }
}

#[derive(QueryableByName)]
struct File {
    #[diesel(sql_type = Text)]
    journal_mode: String,
    #[diesel(sql_type = BigInt)]
    page_count: i64,
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::*;
    use crate::value::Values;

    #[test]
    fn only_what_makes_the_file_smaller_is_asked_about() {
        for sql in ["VACUUM", "/* c */ vacuum main;", "PRAGMA incremental_vacuum(9)"] {
            assert!(shrinks(sql), "{sql}");
        }
        for sql in ["VACUUM INTO 'copy.db'", "VACUUM main INTO ?", "PRAGMA wal_checkpoint(TRUNCATE)"] {
            assert!(!shrinks(sql), "{sql}");
        }
    }

    #[test]
    fn only_a_small_database_or_one_without_wal_is_vacuumed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("app.db");
        let mut conn = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
        conn.batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
        assert_eq!(refused(&mut conn).unwrap(), None);
        conn.batch_execute("INSERT INTO t VALUES (zeroblob(4096 * 300))").unwrap();
        let error = refused(&mut conn).unwrap().unwrap();
        assert!(error.message.contains("VACUUM INTO"), "{}", error.message);
        for (sql, want, is_refused) in [
            ("/* now */ pragma incremental_vacuum(9)", Want::Count, true),
            ("INSERT INTO t VALUES (1); PRAGMA main.incremental_vacuum", Want::Batch, true),
            ("INSERT INTO t VALUES ('PRAGMA incremental_vacuum')", Want::Count, false),
        ] {
            let statement = Statement { sql: sql.into(), binds: Values::new(), cacheable: false, want };
            assert_eq!(refused_in(&mut conn, &[statement]).is_some(), is_refused, "{sql}");
        }
        conn.batch_execute("PRAGMA journal_mode = DELETE").unwrap();
        assert_eq!(refused(&mut conn).unwrap(), None);
    }
}
