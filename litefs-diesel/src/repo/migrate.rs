//! Migrations that the application carries.

use std::collections::HashSet;

use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::query_dsl::methods::SelectDsl;
use diesel::result::Error as DieselError;
use diesel::sqlite::Sqlite;

use super::builder::{Read, Write};
use super::database::{Database, ReadTerms};
use super::query::ReadQuery;
use super::read::rows;
use super::refuse::ReadMethod;
use super::write::typed;
use super::{ReadLevel, RepoHandle};
use crate::error::Error;
use crate::migrate::{self, Done, Embedded, EmbeddedError, Failure, Plan};
use crate::position::Position;
use crate::request::{self, Written};

impl<L> RepoHandle<L> {
    /// Runs the migrations of the program that are pending, on the primary, wherever that is: each
    /// once, in the order of their versions, however many nodes ask for them at the same moment. Gives the
    /// versions that were pending here; then all of them are applied, by this call or another's, and
    /// this node's file has them.
    ///
    /// When nothing is pending in this node's file, nobody is asked. Else all of it is one request: it
    /// carries the SQL, so that the primary may run another release. A migration runs alone, in one transaction with
    /// its row in Diesel's table, or without one when its metadata says so (`run_in_transaction = false`); `PRAGMA
    /// foreign_keys = OFF` at its head takes effect around its transaction.
    ///
    /// It may take 30 s, or the repo's own `timeout` when that is longer, unless
    /// [`timeout`](Write::timeout) says otherwise: it waits for a leader, and for migrations that others run.
    /// An [`idempotency_key`](Write::idempotency_key) is refused, and not needed.
    ///
    /// # Errors
    /// Of the call: [`Error::MigrationFailed`] with the migration, the line and SQLite's words, and what
    /// is kept; [`Error::NotExecuted`] when nobody could be asked in time, [`Error::Unknown`] when it
    /// may have run. After each of them calling it again does what is still to be done.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use diesel_migrations::{EmbeddedMigrations, embed_migrations};
    ///
    /// const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations"); // yours: "priv/repo/migrations"
    ///
    /// let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// let applied = repo.migrate(MIGRATIONS).await?;
    /// assert_eq!(applied.len(), 2);
    /// repo.execute(diesel::sql_query("INSERT INTO users (name) VALUES ('Ada')")).await?;
    /// assert!(repo.migrate(MIGRATIONS).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn migrate<S: MigrationSource<Sqlite>>(
        &self,
        migrations: S,
    ) -> Write<Vec<MigrationVersion<'static>>> {
        let taken = migrate::embedded(&migrations);
        let timeout = migrate::TIMEOUT.max(self.database.timeout);
        Write::new(&self.database, move |database, terms| async move {
            let deadline = terms.deadline();
            let pending = pending(&database, taken, ReadTerms { level: ReadLevel::Local, deadline }).await?;
            if pending.is_empty() {
                return Ok((Vec::new(), database.position_by(deadline).await?));
            }
            let versions = versions_of(&pending);
            let steps = pending.into_iter().map(Embedded::into_up).collect();
            let plan = request::Write::migrate(Plan { steps, one_transaction: false });
            let (_, position) = ended(database.send(plan, terms).await)?;
            Ok((versions, position))
        })
        .timeout(timeout)
    }

    /// The versions of the program's migrations that are not applied, in their order. Reads this node's
    /// file, and makes nothing: Diesel's own check makes its table.
    ///
    /// # Errors
    /// Of the call: those of [`all`](Self::all); [`Error::MigrationFailed`] when the migrations cannot
    /// be used.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use diesel_migrations::{EmbeddedMigrations, embed_migrations};
    ///
    /// const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
    ///
    /// let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// let pending = repo.pending_migrations(MIGRATIONS).await?;
    /// assert_eq!(pending[0].to_string(), "20260131120000");
    /// # Ok(())
    /// # }
    /// ```
    pub fn pending_migrations<S: MigrationSource<Sqlite>>(
        &self,
        migrations: S,
    ) -> Read<Vec<MigrationVersion<'static>>> {
        let taken = migrate::embedded(&migrations);
        Read::new(&self.database, move |database, terms| async move {
            Ok(versions_of(&pending(&database, taken, terms).await?))
        })
    }
}

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

/// Those of the program's migrations that are not applied where the terms say.
async fn pending(
    database: &Database,
    taken: Result<Vec<Embedded>, EmbeddedError>,
    terms: ReadTerms,
) -> Result<Vec<Embedded>, Error> {
    use __diesel_schema_migrations::{table, version};
    let taken = taken.map_err(|error| Error::MigrationFailed { why: error.to_string(), position: None })?;
    let (query, decode) = ReadQuery::<String>::collect_query(SelectDsl::select(table, version));
    let query = query.0.map_err(Error::Read)?;
    let applied = match rows(database, ReadMethod::Own, query, decode, usize::MAX, terms).await {
        Err(Error::Read(error)) if has_no_table(&error) => Vec::new(),
        applied => applied?,
    };
    let applied: HashSet<String> = applied.into_iter().collect();
    Ok(taken.into_iter().filter(|migration| !applied.contains(&migration.version)).collect())
}

/// Nothing was ever migrated.
fn has_no_table(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(_, said) if said.message().starts_with("no such table"))
}

fn versions_of(migrations: &[Embedded]) -> Vec<MigrationVersion<'static>> {
    migrations.iter().map(|migration| migration.version.clone().into()).collect()
}

/// Why a plan was not carried out, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// One of its steps failed.
    #[error("{failure}")]
    Failed {
        /// Which, why, and what is kept.
        failure: Failure,
        /// Where what is kept was committed.
        position: Position,
    },
    /// What became of the request.
    #[error(transparent)]
    Outcome(#[from] Error),
}

impl From<MigrateError> for Error {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Failed { failure, position } => Self::MigrationFailed {
                why: failure.to_string(),
                position: Some(position).filter(|position| *position != Position::ZERO),
            },
            MigrateError::Outcome(error) => error,
        }
    }
}

/// What came of a plan that was sent.
pub(crate) fn ended(sent: Result<Written, Error>) -> Result<(Vec<Done>, Position), MigrateError> {
    typed(sent, |written| {
        let position = written.position;
        match written.plan() {
            Ok(Ok(done)) => Ok((done, position)),
            Ok(Err(failure)) => Err(MigrateError::Failed { failure, position }),
            Err(why) => {
                let source = DieselError::DeserializationError(why.into());
                Err(Error::CommittedNotDecoded { position, source }.into())
            }
        }
    })
}
