//! Sending a write and making the caller's value of its outcome; the methods that take any
//! statement.

use std::sync::Arc;

use diesel::deserialize::FromSqlRow;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use diesel::query_dsl::methods::ExecuteDsl;
use diesel::result::Error as DieselError;
use diesel::sqlite::Sqlite;

use super::RepoHandle;
use super::builder::Write;
use super::database::Database;
use super::query::Decode;
use super::taken::TakenWrite;
use crate::error::{CommittedValue, Error};
use crate::position::Position;
use crate::request::Written;
use crate::statement::capture::capture;
use crate::statement::recorder::Recorder;
use crate::statement::{Outcome, Want};

/// Any Diesel statement that is run for its count: `INSERT`, `UPDATE`, `DELETE`, `sql_query`, and
/// batch inserts in every form that Diesel has for SQLite.
#[diagnostic::on_unimplemented(
    message = "this is not a statement for SQLite",
    label = "not a statement",
    note = "give what `execute` takes: an `INSERT`, `UPDATE`, `DELETE` or `sql_query(…)`"
)]
pub trait WriteStatement {
    #[doc(hidden)]
    fn record(self) -> TakenWrite;
}

#[diagnostic::do_not_recommend]
impl<S: ExecuteDsl<Recorder>> WriteStatement for S {
    fn record(self) -> TakenWrite {
        let mut recorder = Recorder::default();
        // Without the `BEGIN` and `COMMIT` around them: a write request is one transaction anyway.
        TakenWrite(S::execute(self, &mut recorder).map(|_| recorder.statements))
    }
}

/// A Diesel statement that writes and returns rows that can be read as `U`: one with
/// `.returning(…)`, or without (then all columns), or `sql_query`.
#[diagnostic::on_unimplemented(
    message = "the rows that this statement returns cannot be read as `{U}`",
    label = "not a statement for SQLite that returns `{U}`",
    note = "the fields of `{U}` must fit the returned columns in number, order and type, and be `Send + Sync`: name them with `.returning({U}::as_returning())`, where `{U}` derives `Queryable` and `Selectable`",
    note = "for an insert of many rows use `repo.insert_all_returning(table, rows)`: Diesel's own batch insert returns none outside its own connection",
    note = "`!` for the type means that none was named: `let user: User = …`, or `repo.returning::<User>(statement)`"
)]
pub trait ReturningStatement<U> {
    #[doc(hidden)]
    fn collect_returning(self) -> (TakenWrite, Decode<U>);
}

#[diagnostic::do_not_recommend]
impl<S, U, ST> ReturningStatement<U> for S
where
    S: AsQuery,
    S::Query: QueryFragment<Sqlite> + QueryId,
    S::SqlType: CompatibleType<U, Sqlite, SqlType = ST>,
    U: FromSqlRow<ST, Sqlite> + Send + Sync + 'static,
    ST: 'static,
{
    fn collect_returning(self) -> (TakenWrite, Decode<U>) {
        (TakenWrite::one(capture(&self.as_query(), Want::Rows)), Decode::of::<ST>())
    }
}

impl<L> RepoHandle<L> {
    /// Runs any Diesel statement on the primary, and gives how many rows it changed.
    ///
    /// A batch insert, which Diesel may make several statements of, is one transaction.
    ///
    /// # Errors
    /// [`Error::Rejected`] with what the database said, and the other outcomes of a write: see
    /// [`Error`].
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// let renamed: usize = repo.execute(diesel::update(users::table.find(1)).set(users::name.eq("Ada"))).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn execute(&self, statement: impl WriteStatement) -> Write<usize> {
        send(&self.database, statement.record(), counted)
    }

    /// Runs a statement that returns rows on the primary, and gives them.
    ///
    /// # Errors
    /// As [`execute`](Self::execute); [`Error::CommittedNotDecoded`] when the write is done and
    /// its rows cannot be read as `U`.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// let gone: Vec<i32> = repo
    ///     .returning(diesel::delete(users::table.filter(users::name.eq("Bob"))).returning(users::id))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn returning<U: Send + Sync + 'static>(
        &self,
        statement: impl ReturningStatement<U>,
    ) -> Write<Vec<U>> {
        let (statement, decode) = statement.collect_returning();
        send(&self.database, statement, move |outcomes| decoded(outcomes, decode))
    }

    /// Runs a statement that returns one row on the primary, and gives it.
    ///
    /// # Errors
    /// As [`returning`](Self::returning); [`Error::NotFound`] when it returned no row, and
    /// [`Error::CommittedNotDecoded`] when it returned more than one: then it is done all the same.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// let id: i32 = repo
    ///     .returning_one(diesel::insert_into(users::table).values(users::name.eq("Ada")).returning(users::id))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn returning_one<U: Send + Sync + 'static>(&self, statement: impl ReturningStatement<U>) -> Write<U> {
        let (statement, decode) = statement.collect_returning();
        send(&self.database, statement, move |outcomes| one_row(outcomes, decode))
    }
}

/// Why a committed write has no value for its caller.
pub(crate) enum NoValue {
    /// It changed nothing: there was no such row.
    NotFound,
    /// It is done, and what came back is not what was asked for.
    NotDecoded(DieselError),
}

/// A write of these statements, whose value `finish` makes of their outcomes.
pub(crate) fn send<T, F>(database: &Arc<Database>, statements: TakenWrite, finish: F) -> Write<T>
where
    T: Send + Sync + 'static,
    F: FnOnce(Vec<Outcome>) -> Result<T, NoValue> + Send + 'static,
{
    Write::new(database, move |database, terms| async move {
        let statements = statements.0?;
        if statements.is_empty() {
            let position = database.position_by(terms.terms.deadline).await?;
            return value_at(position, finish(Vec::new()));
        }
        let sent = database.write(statements, terms).await;
        typed(sent, |written| value_at(written.position, finish(written.outcomes)))
    })
}

/// The outcome with the caller's own value, also when it is in an error: the layer below does not
/// know the caller's type, and the caller knows no other.
pub(super) fn typed<T, E>(
    sent: Result<Written, Error>,
    finish: impl FnOnce(Written) -> Result<(T, Position), E>,
) -> Result<(T, Position), E>
where
    T: Send + Sync + 'static,
    E: From<Error>,
{
    let error = match sent {
        Ok(written) => return finish(written),
        Err(error) => error,
    };
    let Some(written) = error.value::<Written>().cloned() else { return Err(error.into()) };
    let value = CommittedValue::new(finish(written)?.0);
    Err(E::from(error.with_value(value)))
}

fn value_at<T>(position: Position, value: Result<T, NoValue>) -> Result<(T, Position), Error> {
    match value {
        Ok(value) => Ok((value, position)),
        Err(NoValue::NotFound) => Err(Error::NotFound),
        Err(NoValue::NotDecoded(source)) => Err(Error::CommittedNotDecoded { position, source }),
    }
}

/// How many rows all of them changed.
pub(crate) fn counted(outcomes: Vec<Outcome>) -> Result<usize, NoValue> {
    Ok(count(&outcomes))
}

pub(crate) fn count(outcomes: &[Outcome]) -> usize {
    outcomes.iter().map(|outcome| usize::try_from(outcome.count).unwrap_or(usize::MAX)).sum()
}

/// The rows that all of them returned.
pub(crate) fn decoded<U>(outcomes: Vec<Outcome>, decode: Decode<U>) -> Result<Vec<U>, NoValue> {
    let mut all = Vec::new();
    for rows in outcomes.into_iter().filter_map(|outcome| outcome.rows) {
        all.extend((decode.replay)(&rows).map_err(NoValue::NotDecoded)?);
    }
    Ok(all)
}

/// The only row that they returned.
pub(crate) fn one_row<U>(outcomes: Vec<Outcome>, decode: Decode<U>) -> Result<U, NoValue> {
    let mut rows = decoded(outcomes, decode)?;
    match rows.len() {
        0 | 1 => rows.pop().ok_or(NoValue::NotFound),
        many => {
            let said = format!("{many} rows were returned where one was expected; use `returning`");
            Err(NoValue::NotDecoded(DieselError::DeserializationError(said.into())))
        }
    }
}
