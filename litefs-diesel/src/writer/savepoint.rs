//! One request in its savepoint: its failure takes back what it did and nothing else.

use diesel::connection::Connection;
use diesel::result::QueryResult;
use diesel::sqlite::SqliteConnection;

use super::engine::Open;
use super::{engine, session, shrink};
use crate::allowed::Site;
use crate::error::DatabaseError;
use crate::request::{SessionUse, Write, Written};
use crate::statement::control::Control;
use crate::statement::{Fixed, Most, Prepared, Session, Statement, Want, kind, split};

/// Runs statements. The inner `Err` is what the database said of them; the outer one says that they
/// ended the whole transaction by it.
pub(super) fn run_statements(
    open: &mut Open,
    write: &Write,
    mut most: Most,
    replicated: bool,
) -> Result<Result<Written, DatabaseError>, DatabaseError> {
    let conn = &mut open.conn;
    let shrinks = |conn| if replicated { shrink::refused_in(conn, write.statements()) } else { None };
    if let Some(refused) = refused(write.statements()).or_else(|| shrinks(conn)) {
        return Ok(Err(refused));
    }
    if let Err(error) = fixed::<Savepoint>(conn) {
        return Ok(Err(error.into()));
    }
    let ran = run(open, write, Site::Group, &mut most);
    if ran.is_err() && !engine::is_open(&mut open.conn) {
        return Err(ran.err().unwrap_or_else(|| DatabaseError::other("the transaction ended")));
    }
    close(&mut open.conn, ran.is_ok())?;
    if ran.is_err() {
        open.allowed.rolled_back();
    }
    Ok(ran)
}

/// Opens the savepoint of a request.
pub(super) fn open(conn: &mut SqliteConnection) -> QueryResult<()> {
    fixed::<Savepoint>(conn)
}

/// Closes the savepoint of a request, and keeps what it did or not. Fails when it is not there.
pub(super) fn close(conn: &mut SqliteConnection, keep: bool) -> Result<(), DatabaseError> {
    let closed = if keep {
        fixed::<Release>(conn)
    } else {
        fixed::<RollBack>(conn).and_then(|()| fixed::<Release>(conn))
    };
    closed.map_err(DatabaseError::from)
}

/// Runs statements as they are, and gives what their caller wants of them.
pub(super) fn run(
    open: &mut Open,
    write: &Write,
    place: Site,
    most: &mut Most,
) -> Result<Written, DatabaseError> {
    if let Some(session) = write.session.brought() {
        session::restore(&mut open.conn, session, write.statements())?;
    }
    let outcomes = write
        .statements()
        .iter()
        .map(|statement| {
            let mut outcome = open.run(statement, place, most)?;
            if statement.want == Want::Count && !kind::sets_session(&statement.sql) {
                // SQLite says what the connection's last write changed, and that was anybody's.
                outcome.count = 0;
            }
            Ok(outcome)
        })
        .collect::<Result<Vec<_>, DatabaseError>>()?;
    Ok(Written { outcomes, session: session_after(&mut open.conn, write.session)?, ..Written::default() })
}

/// What the caller's connection is to answer afterwards, if it asks.
pub(super) fn session_after(conn: &mut SqliteConnection, wanted: SessionUse) -> QueryResult<Session> {
    match wanted {
        SessionUse::None => Ok(Session::default()),
        SessionUse::Told | SessionUse::Brought(_) => session::read(conn),
    }
}

/// Whether statements could end the transaction by something else than an error: a text that is not
/// looked at as SQLite looks at it.
pub(super) fn could_end(write: &Write) -> bool {
    write.statements().iter().any(|statement| statement.want == Want::Batch)
}

/// A statement that would end the group's transaction, and with it what the neighbours did.
fn refused(statements: &[Statement]) -> Option<DatabaseError> {
    refused_if(statements, |_| true)
}

/// A statement of an open transaction that would end it unseen. Its own savepoints are its own.
pub(super) fn refused_inside(statements: &[Statement]) -> Option<DatabaseError> {
    refused_if(statements, ends)
}

/// Whether it begins or ends the transaction, or touches our savepoint in it.
pub(super) fn ends(control: &Control) -> bool {
    match control {
        Control::Begin(_) | Control::Commit | Control::Rollback => true,
        Control::Savepoint(name) | Control::Release(name) | Control::RollbackTo(name) => {
            name.eq_ignore_ascii_case(NAME)
        }
    }
}

fn refused_if(statements: &[Statement], is: impl Fn(&Control) -> bool) -> Option<DatabaseError> {
    let control =
        |sql: &str| Control::parse(sql).filter(&is).map(|_| split::from_first_token(sql).to_owned());
    let text = statements.iter().find_map(|statement| match statement.want {
        // SQLite runs the first statement of a text that is prepared, and no other.
        Want::Count | Want::Rows => control(&statement.sql),
        Want::Batch => split::split(&statement.sql).iter().find_map(|part| control(part.sql)),
    })?;
    Some(DatabaseError::other(format!(
        "`{text}` cannot be sent as a statement: use `transaction` on the repo or the connection"
    )))
}

fn fixed<F: Fixed>(conn: &mut SqliteConnection) -> QueryResult<()> {
    conn.execute_returning_count(&Prepared::<F>::NEW).map(drop)
}

const NAME: &str = "litefs_diesel_request";

struct Savepoint;
impl Fixed for Savepoint {
    const SQL: &'static str = "SAVEPOINT litefs_diesel_request";
}

struct Release;
impl Fixed for Release {
    const SQL: &'static str = "RELEASE litefs_diesel_request";
}

struct RollBack;
impl Fixed for RollBack {
    const SQL: &'static str = "ROLLBACK TO litefs_diesel_request";
}
