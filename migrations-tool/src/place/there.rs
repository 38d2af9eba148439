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
        let deadline = Instant::now() + self.timeout;
        let sent = pollster::block_on(engine::migrate(&self.node, self.repo, plan.clone(), deadline));
        match sent {
            Ok(sent) => {
                tell_done(plan, &sent.done, tell);
                Ok(sent)
            }
            Err(MigrateError::Failed { failure, .. }) => {
                tell_done(plan, &failure.done, tell);
                if let Some(step) = failed(plan, &failure) {
                    tell(step);
                }
                Err(failure.into())
            }
            Err(MigrateError::Outcome(error)) => Err(PlaceError::of_request(error, self.timeout)),
            Err(error) => Err(PlaceError::Start(error.into())),
        }
    }

    fn node(&self) -> &Node {
        &self.node
    }
}

fn tell_done(plan: &Plan, done: &[Done], tell: &mut dyn FnMut(&Step)) {
    for done in done.iter().filter(|done| done.ran) {
        let same = |step: &&Step| step.kind == done.kind && step.version == done.version;
        plan.steps.iter().find(same).into_iter().for_each(&mut *tell);
    }
}

/// The step that failed, when its turn had come.
fn failed<'p>(plan: &'p Plan, failure: &Failure) -> Option<&'p Step> {
    let at = failure.at.as_ref().filter(|_| failure.fate != Fate::NotRun)?;
    plan.steps.iter().skip(failure.done.len()).find(|step| step.name == at.name)
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
    fn the_step_that_failed_is_the_one_behind_what_is_done() {
        let steps = vec![step(Kind::Down, "1"), step(Kind::Up, "1")];
        let at = At { name: "1_name".to_owned(), file: String::new(), line: None };
        let failure = |done: Vec<Done>, fate| Failure {
            at: Some(Box::new(at.clone())),
            cause: Cause::Late,
            done,
            fate,
        };
        let first = failure(vec![done(&steps[0], true)], Fate::RolledBack);
        let plan = Plan { steps, one_transaction: false };
        assert_eq!(failed(&plan, &first).unwrap().kind, Kind::Up);
        assert_eq!(failed(&plan, &failure(Vec::new(), Fate::RolledBack)).unwrap().kind, Kind::Down);
        assert!(failed(&plan, &failure(Vec::new(), Fate::NotRun)).is_none());
    }
}
