//! A plan of one repo, carried out and told about: what `run`, `revert`, `redo` and `load` share.

use litefs_diesel::__tool::{self as engine, Done, Kind, Plan, Sent, Step};
use serde_json::{Value, json};

use crate::cli::Writing;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::place::{PlaceError, Way, choose, everywhere};
use crate::progress::{Asking, Progress};
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

    /// Carries out the plan of one repo. One with nothing in it asks nobody, unless all nodes are to
    /// have it.
    pub(crate) fn carry_out(
        &mut self,
        session: &Session,
        target: &Target,
        plan: &Plan,
        how: &Writing,
        output: &mut Output<'_>,
    ) -> Result<(), Error> {
        // Before anybody is asked, and before a database is made that is missing.
        engine::check(plan).map_err(PlaceError::from)?;
        let Ran { done, visible, behind } = if how.dry_run {
            plan.steps.iter().for_each(|step| tell(output, step, "Would run", "Would roll back", how));
            Ran::nothing()
        } else if plan.steps.is_empty() && !how.wait_all {
            Ran::nothing()
        } else {
            run(session, target, plan, how, output)?
        };
        if !behind.is_empty() {
            output.error(format_args!("done, but not yet on {}", behind.join(", ")));
            self.exit = Exit::NotEverywhere;
        }
        if visible && done.iter().any(|done| done.ran) {
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

/// What came of one plan.
struct Ran {
    done: Vec<Done>,
    /// Whether it can be read here.
    visible: bool,
    /// Who does not have it yet.
    behind: Vec<String>,
}

impl Ran {
    fn nothing() -> Self {
        Self { done: Vec::new(), visible: true, behind: Vec::new() }
    }
}

fn run(
    session: &Session,
    target: &Target,
    plan: &Plan,
    how: &Writing,
    output: &mut Output<'_>,
) -> Result<Ran, Error> {
    let (repo, database) = (target.repo.name.as_str(), target.database()?);
    let alone = session.is_alone(database);
    if how.wait_all && !alone && !session.names_nodes {
        return Err(PlaceError::NoNodes.into());
    }
    let mut place = choose(&Way { config: &session.config, repo, database, alone, timeout: how.timeout })?;
    let mut asking =
        (place.is_elsewhere() && !plan.steps.is_empty()).then(|| Asking::new(output, how.timeout));
    let ran = place.run(plan, &mut |step| {
        // A line would stand in it.
        asking = None;
        tell(output, step, "Running", "Rolling back", how);
    });
    drop(asking);
    let ran = ran.and_then(|Sent { done, visible }| {
        let behind = match (visible, how.wait_all) {
            (false, _) => vec!["this node".to_owned()],
            (true, false) => Vec::new(),
            (true, true) => {
                let mut progress = Progress::new(output);
                everywhere(place.node(), repo, how.timeout, &mut |now| progress.see(now))?
            }
        };
        Ok(Ran { done, visible, behind })
    });
    let closed = pollster::block_on(place.node().shutdown());
    let ran = ran?;
    closed.map_err(PlaceError::from)?;
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
