//! The least that writing and waiting can cost: prepared statements on a bare connection, and the
//! position read from a descriptor that is kept.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::Connection;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use litefs_diesel_tests::bench::Outcome;

use crate::context::Site;

/// How long to wait between two looks at a position. Looking without a pause takes a core from the
/// LiteFS that one waits for.
pub(crate) const STEP: Duration = Duration::from_micros(50);

/// Longer than any write of a healthy cluster takes, starved ones aside.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A statement without values that Diesel keeps prepared.
#[derive(QueryId)]
pub(crate) struct Begin;
/// As [`Begin`].
#[derive(QueryId)]
pub(crate) struct Savepoint;
/// As [`Begin`].
#[derive(QueryId)]
pub(crate) struct Release;
/// As [`Begin`].
#[derive(QueryId)]
pub(crate) struct Commit;

/// The write of all benches: one row, two values.
#[derive(QueryId)]
pub(crate) struct Insert(pub(crate) i64);

/// A row in another table: one page more for a commit to write.
#[derive(QueryId)]
pub(crate) struct Beside;

/// The table of [`Beside`].
pub(crate) const BESIDE: &str = "CREATE TABLE IF NOT EXISTS beside (id INTEGER PRIMARY KEY)";

/// The second value of each row.
pub(crate) const BODY: &str = "a text of an ordinary length";

macro_rules! fixed {
    ($($statement:ident $sql:literal)*) => {$(
        impl QueryFragment<Sqlite> for $statement {
            fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                out.push_sql($sql);
                Ok(())
            }
        }
    )*};
}

fixed! { Begin "BEGIN IMMEDIATE" Savepoint "SAVEPOINT one" Release "RELEASE one" Commit "COMMIT"
Beside "INSERT INTO beside DEFAULT VALUES" }

impl QueryFragment<Sqlite> for Insert {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("INSERT INTO writes (number, text) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.0)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(BODY)?;
        out.push_sql(")");
        Ok(())
    }
}

/// Runs one prepared statement.
pub(crate) fn run(
    conn: &mut SqliteConnection,
    statement: &(impl QueryFragment<Sqlite> + QueryId),
) -> QueryResult<()> {
    conn.execute_returning_count(statement).map(drop)
}

/// A node's `-pos` file.
pub(crate) struct PositionFile {
    file: File,
    /// How often it was read.
    pub(crate) reads: u64,
}

impl PositionFile {
    pub(crate) fn open(database: &Path) -> Outcome<Self> {
        let mut path = database.as_os_str().to_owned();
        path.push("-pos");
        Ok(Self { file: File::open(path)?, reads: 0 })
    }

    /// The TXID, by one read of exactly the file's 34 bytes: asking for more is slow.
    pub(crate) fn txid(&mut self) -> Outcome<u64> {
        let mut text = [0; 34];
        self.file.read_exact_at(&mut text, 0)?;
        self.reads += 1;
        Ok(u64::from_str_radix(std::str::from_utf8(&text[..16])?, 16)?)
    }

    /// Blocks until the node has a TXID; `false` when it has not within `patience`.
    pub(crate) fn reaches(&mut self, txid: u64, patience: Duration) -> Outcome<bool> {
        let begin = Instant::now();
        loop {
            if self.txid()? >= txid {
                return Ok(true);
            }
            if begin.elapsed() >= patience {
                return Ok(false);
            }
            std::thread::sleep(STEP);
        }
    }
}

/// Both nodes' positions.
pub(crate) struct Replication {
    primary: PositionFile,
    replica: PositionFile,
}

impl Replication {
    pub(crate) fn of(site: &Site) -> Outcome<Self> {
        let open = |node| PositionFile::open(&site.database(node));
        Ok(Self { primary: open(0)?, replica: open(1)? })
    }

    /// Blocks until the replica has what the primary has now.
    pub(crate) fn wait(&mut self) -> Outcome<()> {
        let target = self.primary.txid()?;
        if self.replica.reaches(target, PATIENCE)? {
            Ok(())
        } else {
            Err("the replica did not get the write".into())
        }
    }
}
