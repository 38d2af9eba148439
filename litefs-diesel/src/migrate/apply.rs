//! Runs a plan.

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationConnection;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::Text;

use super::applied::{has_migrations_table, is_applied};
use super::keys::{Keys, violations};
use super::script::{Script, Statement};
use super::{Cause, Done, Failure, Fate, Kind, Plan, Step, Watch};

/// Whether the steps of a plan may run as they are written, whatever is in the database.
///
/// # Errors
/// The first that may not: nothing was run.
pub fn check(plan: &Plan) -> Result<(), Failure> {
    scripts(plan).map(drop)
}

fn scripts(plan: &Plan) -> Result<Vec<Script<'_>>, Failure> {
    let scripts = plan.steps.iter().map(Script::of).collect::<Result<_, _>>();
    scripts.map_err(|failure: Failure| failure.with_fate(Fate::NotRun))
}

/// Runs the steps of a plan in their order, on a connection that has no transaction open. Each is a
/// transaction of its own with its row in Diesel's table, unless its metadata or the plan say
/// otherwise. What somebody else has done by then is passed over: any number of callers may run the
/// same plan at once. Blocks.
///
/// # Errors
/// The first failure; nothing is run when any step may not run as it is. The connection has the
/// settings that it had, as far as SQLite gave them back.
pub fn apply(conn: &mut SqliteConnection, plan: &Plan, watch: &mut dyn Watch) -> Result<Vec<Done>, Failure> {
    let scripts = scripts(plan)?;
    let groups: Vec<&[Script<'_>]> = match plan.is_one_transaction() {
        true if !scripts.is_empty() => vec![&scripts],
        _ => scripts.chunks(1).collect(),
    };
    let mut done = Vec::with_capacity(scripts.len());
    for group in groups {
        if let Err(failure) = run_group(conn, group, watch, &mut done) {
            return Err(Failure { done, ..failure });
        }
    }
    Ok(done)
}

/// Runs a group, and adds to `done` what is committed then.
fn run_group(
    conn: &mut SqliteConnection,
    group: &[Script<'_>],
    watch: &mut dyn Watch,
    done: &mut Vec<Done>,
) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
    let not_run = |cause| Failure::at(first.step, None, cause).with_fate(Fate::NotRun);
    watch.may_begin(first.step).map_err(not_run)?;
    let keys = Keys::of(conn).map_err(|error| not_run(Cause::of(&error)))?;
    let ran = match group {
        [script] if !script.step.in_transaction => run_bare(conn, script, watch).map(|done| vec![done]),
        _ => run_in_transaction(conn, group, watch),
    };
    // Whatever happened, the connection's settings are back afterwards.
    let restored = keys.restore(conn);
    let ran = ran?;
    if ran.iter().any(|done| done.ran) {
        watch.committed().map_err(|cause| Failure::at(last.step, None, cause).with_fate(Fate::Unknown))?;
    }
    done.extend(ran);
    restored.map_err(|error| Failure::before(&error))
}

/// These steps in one transaction.
fn run_in_transaction(
    conn: &mut SqliteConnection,
    group: &[Script<'_>],
    watch: &mut dyn Watch,
) -> Result<Vec<Done>, Failure> {
    for script in group {
        run_all(conn, script.step, &script.head, watch)?;
    }
    // Diesel may fail at rolling back what SQLite has rolled back itself; the cause is what counts.
    let mut cause = None;
    let mut begun = false;
    let ran = conn.immediate_transaction(|conn| {
        begun = true;
        let mut done = Vec::with_capacity(group.len());
        for script in group {
            match run_step(conn, script, watch) {
                Ok(ran) => done.push(script.step.done(ran)),
                Err(failure) => {
                    cause = Some(failure);
                    return Err(Error::RollbackTransaction);
                }
            }
        }
        Ok(done)
    });
    match (cause, ran) {
        (Some(failure), _) => Err(failure),
        (None, Ok(done)) => Ok(done),
        // BEGIN failed, or COMMIT: of the last step, as far as anybody can tell.
        (None, Err(error)) => {
            let (script, fate) = match begun {
                false => (group.first(), Fate::NotRun),
                true => (group.last(), Fate::RolledBack),
            };
            Err(script.map_or_else(
                || Failure::before(&error),
                |script| Failure::at(script.step, None, Cause::of(&error)).with_fate(fate),
            ))
        }
    }
}

/// A step within a transaction: whether it ran, or was done already.
fn run_step(
    conn: &mut SqliteConnection,
    script: &Script<'_>,
    watch: &mut dyn Watch,
) -> Result<bool, Failure> {
    let step = script.step;
    let failed = |error: Error| Failure::at(step, None, Cause::of(&error));
    if !is_due(conn, step).map_err(failed)? {
        return Ok(false);
    }
    watch.begins(step);
    run_all(conn, step, &script.body, watch)?;
    if script.turns_keys_off()
        && let Some(rows) = violations(conn).map_err(failed)?
    {
        return Err(Failure::at(step, None, Cause::ForeignKeys(rows)));
    }
    write_down(conn, step).map_err(failed)?;
    Ok(true)
}

/// A step that runs without a transaction, statement by statement.
fn run_bare(
    conn: &mut SqliteConnection,
    script: &Script<'_>,
    watch: &mut dyn Watch,
) -> Result<Done, Failure> {
    let step = script.step;
    let failed = |error: Error| Failure::at(step, None, Cause::of(&error));
    if !conn.immediate_transaction(|conn| is_due(conn, step)).map_err(failed)? {
        return Ok(step.done(false));
    }
    watch.begins(step);
    let body = run_all(conn, step, &script.body, watch);
    let ran = body.and_then(|()| match conn.batch_execute("BEGIN IMMEDIATE") {
        Err(error) if error.to_string().contains("within a transaction") => {
            Err(Failure::at(step, None, Cause::LeftOpen))
        }
        begun => begun
            .and_then(|()| write_down(conn, step))
            .and_then(|()| conn.batch_execute("COMMIT"))
            .map_err(failed),
    });
    ran.map(|()| step.done(true)).map_err(|failure| {
        // There may be none.
        let _ = conn.batch_execute("ROLLBACK");
        failure.with_fate(Fate::Partly)
    })
}

fn run_all(
    conn: &mut SqliteConnection,
    step: &Step,
    statements: &[Statement<'_>],
    watch: &mut dyn Watch,
) -> Result<(), Failure> {
    for statement in statements {
        let failed = |cause| Failure::at(step, Some(statement.line), cause);
        watch.may_run(conn, statement.sql).map_err(failed)?;
        conn.batch_execute(statement.sql).map_err(|error| failed(Cause::of(&error)))?;
        watch.ran(conn).map_err(failed)?;
    }
    Ok(())
}

/// Whether a step still has to be done. Makes Diesel's table when it is not there.
fn is_due(conn: &mut SqliteConnection, step: &Step) -> QueryResult<bool> {
    let applied = match step.kind {
        Kind::Load { if_new } => return Ok(!if_new || !has_migrations_table(conn)?),
        Kind::Up | Kind::Down => {
            conn.setup()?;
            is_applied(conn, &step.version)?
        }
    };
    Ok(applied == (step.kind == Kind::Down))
}

/// Writes the version of a step down, or takes it out.
fn write_down(conn: &mut SqliteConnection, step: &Step) -> QueryResult<()> {
    let sql = match step.kind {
        Kind::Up => "INSERT INTO __diesel_schema_migrations (version) VALUES (?)",
        Kind::Down => "DELETE FROM __diesel_schema_migrations WHERE version = ?",
        Kind::Load { .. } => return Ok(()),
    };
    diesel::sql_query(sql).bind::<Text, _>(&step.version).execute(conn).map(drop)
}
