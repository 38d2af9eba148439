//! On the primary, by its running application: one request of this process's node, which carries the
//! SQL. The application there needs no files, and may be of another release.

use std::time::{Duration, Instant};

use litefs_diesel::__tool::{self as engine, Done, Failure, Fate, MigrateError, Plan, Sent, Step};
use litefs_diesel::Node;

use super::choose::Way;
use super::{Place, PlaceError};

/// A node that is a replica, or has no leader.
pub(super) struct There<'a> {
    node: Node,
    repo: &'a str,
    timeout: Duration,
}

impl<'a> There<'a> {
    pub(super) fn new(node: Node, way: &Way<'a>) -> Self {
        Self { node, repo: way.repo, timeout: way.timeout }
    }
}

impl Place for There<'_> {
    /// Waits for a leader, and for its application, until the time is over. When this node becomes
    /// primary meanwhile, its own writer runs the plan.
    fn run(&mut self, plan: &Plan, tell: &mut dyn FnMut(&Step)) -> Result<Sent, PlaceError> {
        if plan.steps.is_empty() {
            return Ok(Sent { done: Vec::new(), visible: true });
        }
        let (size, limit) = (size(plan), engine::longest_plan(&self.node));
        if size > limit {
            return Err(PlaceError::TooLarge { size, limit });
        }
        let deadline = Instant::now() + self.timeout;
        let sent = pollster::block_on(engine::migrate(&self.node, self.repo, plan.clone(), deadline));
        match sent {
            Ok(sent) => {
                tell_done(plan, &sent.done, tell);
                Ok(sent)
            }
            Err(MigrateError::Failed { failure, .. }) => {
                tell_done(plan, &failure.done, tell);
                begun(plan, &failure).iter().for_each(tell);
                Err(failure.into())
            }
            Err(MigrateError::Outcome(error)) => Err(PlaceError::of_request(error, self.timeout)),
            Err(error) => Err(PlaceError::Start(error.into())),
        }
    }

    fn is_elsewhere(&self) -> bool {
        true
    }

    fn node(&self) -> &Node {
        &self.node
    }
}

/// How many bytes travel, but for some of a step's frame.
fn size(plan: &Plan) -> usize {
    plan.steps
        .iter()
        .map(|step| step.sql.len() + step.name.len() + step.version.len() + step.file.len())
        .sum()
}

fn tell_done(plan: &Plan, done: &[Done], tell: &mut dyn FnMut(&Step)) {
    for done in done.iter().filter(|done| done.ran) {
        let same = |step: &&Step| step.kind == done.kind && step.version == done.version;
        plan.steps.iter().find(same).into_iter().for_each(&mut *tell);
    }
}

/// The step that failed, when its turn had come, behind those that are gone with it because they shared
/// its transaction.
fn begun<'p>(plan: &'p Plan, failure: &Failure) -> &'p [Step] {
    let Some(at) = failure.at.as_ref().filter(|_| failure.fate != Fate::NotRun) else { return &[] };
    let rest = plan.steps.get(failure.done.len()..).unwrap_or_default();
    let failed = rest.iter().position(|step| step.name == at.name && step.file == at.file);
    failed.and_then(|failed| rest.get(..=failed)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use litefs_diesel::__tool::{At, Cause, Kind};

    use super::*;

    fn step(kind: Kind, version: &str) -> Step {
        let (version, name) = (version.to_owned(), format!("{version}_name"));
        Step { kind, version, name, file: String::new(), sql: String::new(), in_transaction: true }
    }

    fn done(step: &Step, ran: bool) -> Done {
        Done { kind: step.kind, version: step.version.clone(), name: step.name.clone(), ran }
    }

    #[test]
    fn what_ran_is_told_in_order_and_what_others_did_is_not() {
        let steps = vec![step(Kind::Down, "1"), step(Kind::Up, "1"), step(Kind::Up, "2")];
        let all = vec![done(&steps[0], true), done(&steps[1], true), done(&steps[2], false)];
        let plan = Plan { steps, one_transaction: false };
        let mut told = Vec::new();
        tell_done(&plan, &all, &mut |step| told.push((step.kind, step.version.clone())));
        assert_eq!(told, [(Kind::Down, "1".to_owned()), (Kind::Up, "1".to_owned())]);
    }

    #[test]
    fn the_step_that_failed_is_the_one_behind_what_is_done_and_of_its_own_direction() {
        let file = |step: Step, file: &str| Step { file: file.to_owned(), ..step };
        let steps = vec![file(step(Kind::Down, "1"), "down.sql"), file(step(Kind::Up, "1"), "up.sql")];
        let failure = |done: Vec<Done>, file: &str, fate| {
            let at = At { name: "1_name".to_owned(), file: file.to_owned(), line: None };
            Failure { at: Some(Box::new(at)), cause: Cause::Late, done, fate }
        };
        let plan = Plan { steps, one_transaction: true };
        let kinds = |failure| begun(&plan, &failure).iter().map(|step| step.kind).collect::<Vec<_>>();
        assert_eq!(kinds(failure(Vec::new(), "down.sql", Fate::RolledBack)), [Kind::Down]);
        // One transaction: both began, and both are gone.
        assert_eq!(kinds(failure(Vec::new(), "up.sql", Fate::RolledBack)), [Kind::Down, Kind::Up]);
        assert_eq!(kinds(failure(vec![done(&plan.steps[0], true)], "up.sql", Fate::Partly)), [Kind::Up]);
        assert!(kinds(failure(Vec::new(), "up.sql", Fate::NotRun)).is_empty());
    }
}
