//! A plan of one repo, carried out and told about: what `run`, `revert`, `redo` and `load` share.

use litefs_diesel::__tool::{Done, Kind, Plan, Step};
use serde_json::{Value, json};

use crate::cli::Writing;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::place::{Way, choose};
use crate::schema;
use crate::session::{Session, Target};

/// What came of all repos.
pub(crate) struct Outcome {
    pub(crate) exit: Exit,
    repos: Vec<Value>,
}

impl Outcome {
    pub(crate) fn new() -> Self {
        Self { exit: Exit::Done, repos: Vec::new() }
    }

    /// Carries out the plan of one repo. One with nothing in it asks nobody.
    pub(crate) fn carry_out(
        &mut self,
        session: &Session,
        target: &Target,
        plan: &Plan,
        how: &Writing,
        output: &mut Output<'_>,
    ) -> Result<(), Error> {
        let (done, behind) = match plan.steps.is_empty() || how.dry_run {
            true => {
                plan.steps.iter().for_each(|step| tell(output, step, "Would run", "Would roll back", how));
                (Vec::new(), Vec::new())
            }
            false => run(session, target, plan, how, output)?,
        };
        if !behind.is_empty() {
            output.error(format_args!("done, but not yet on {}", behind.join(", ")));
            self.exit = Exit::NotEverywhere;
        }
        if done.iter().any(|done| done.ran) {
            schema::refresh(session, target, how, output)?;
        }
        let planned = plan.steps.iter().map(|step| value(step.kind, &step.version, &step.name));
        self.repos.push(json!({
            "repo": target.repo.name,
            "planned": planned.collect::<Vec<_>>(),
            "done": done.iter().filter(|done| done.ran).map(of_done).collect::<Vec<_>>(),
            "done_by_others": done.iter().filter(|done| !done.ran).map(of_done).collect::<Vec<_>>(),
            "behind": behind,
        }));
        Ok(())
    }

    /// The answer in JSON, when that was asked for.
    pub(crate) fn finish(self, output: &mut Output<'_>) -> Exit {
        if output.json {
            output.json(&json!({ "repos": self.repos }));
        }
        self.exit
    }
}

fn run(
    session: &Session,
    target: &Target,
    plan: &Plan,
    how: &Writing,
    output: &mut Output<'_>,
) -> Result<(Vec<Done>, Vec<String>), Error> {
    let database = target.database()?;
    let mut place = choose(&Way {
        config: &session.config,
        repo: &target.repo.name,
        database,
        alone: session.is_alone(database),
        timeout: how.timeout,
        wait_all: how.wait_all,
    })?;
    let mut say = |step: &Step| tell(output, step, "Running", "Rolling back", how);
    let ran = place.run(plan, &mut say).and_then(|done| Ok((done, place.wait(how.wait_all)?)));
    let closed = place.close();
    let ran = ran?;
    closed?;
    Ok(ran)
}

fn tell(output: &mut Output<'_>, step: &Step, up: &str, down: &str, how: &Writing) {
    match step.kind {
        Kind::Up => output.progress(format_args!("{up} migration {}", step.name)),
        Kind::Down => output.progress(format_args!("{down} migration {}", step.name)),
        Kind::Load { .. } => output.progress(format_args!("{up} {}", step.name)),
    }
    if how.log_migrations_sql {
        output.progress(step.sql.trim_end());
    }
}

fn of_done(done: &Done) -> Value {
    value(done.kind, &done.version, &done.name)
}

fn value(kind: Kind, version: &str, name: &str) -> Value {
    let action = match kind {
        Kind::Up => "run",
        Kind::Down => "revert",
        Kind::Load { .. } => "load",
    };
    json!({ "action": action, "version": version, "name": name })
}
