//! What the migrations tool asks of its node, which is a guest of the cluster.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::sqlite::SqliteConnection;

use super::handle::Node;
use super::here::HereOf;
use crate::error::{Error, NotExecuted};
use crate::members::NotReplicated;
use crate::migrate::{Cause, Done, Failure, Plan, Step, Watch};
use crate::repo::{Here, MigrateError, ended};
use crate::request::{Ack, Terms, Write};
use crate::runtime::in_runtime;
use crate::writer::Steps;

/// How often a primary that must not write yet is asked again. Its peers confirm it within a
/// heartbeat, and nobody notices this beside the migrations.
const LOOK: Duration = Duration::from_millis(20);

/// So many bytes the texts of a plan may have that is sent to the primary: what a frame of this node takes
/// (`limits.max_frame`), less a sixty-fourth for what is around them there.
#[must_use]
pub fn longest_plan(node: &Node) -> usize {
    let frame = node.inner.parts.settings.limits.max_frame;
    frame - frame / 64
}

/// A plan that the primary has carried out.
#[derive(Debug)]
pub struct Sent {
    /// What came of each step.
    pub done: Vec<Done>,
    /// Whether this node can read it by now.
    pub visible: bool,
}

/// Has a plan of migrations run on the primary of a repo's database, wherever that is, and returns when
/// this node can read what it did, or at the deadline.
///
/// # Errors
/// [`MigrateError::Failed`] when a step failed; else what became of the request.
pub async fn migrate(node: &Node, repo: &str, plan: Plan, deadline: Instant) -> Result<Sent, MigrateError> {
    let terms = Terms { deadline, ack: Ack::Visible };
    let sent = node.inner.served(repo)?.primary.write(Write::migrate(plan), terms).await;
    match ended(sent) {
        Ok((done, _)) => Ok(Sent { done, visible: true }),
        Err(MigrateError::Outcome(error)) => match error.value::<Vec<Done>>() {
            Some(done) => Ok(Sent { done: done.clone(), visible: false }),
            None => Err(error.into()),
        },
        Err(failed) => Err(failed),
    }
}

/// This node's time as primary, while the tool itself runs a plan on the file.
pub struct Tenure(Steps);

/// Returns when this node may write, at the deadline at the latest.
///
/// # Errors
/// Why it may not: it is no primary, or not sure to be the only one.
pub async fn tenure(node: &Node, repo: &str, deadline: Instant) -> Result<Tenure, Error> {
    let (served, runtime) = (node.inner.served(repo)?, node.inner.parts.runtime.handle().clone());
    in_runtime(runtime, async move {
        loop {
            match served.writer.steps(deadline) {
                Ok(steps) => return Ok(Tenure(steps)),
                Err(refusal) if Instant::now() >= deadline => return Err(refusal.into_error("this node")),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    })
    .await
}

impl Tenure {
    /// What a plan that stopped came to, when that is not what its failure says: it may have
    /// happened, or the role was lost before anything did.
    #[must_use]
    pub fn judge(&self, failure: &Failure) -> Option<Error> {
        let refusal = self.0.stopped(failure).err()?;
        Some(refusal.into_error("this node"))
            .filter(|error| !matches!(error, Error::NotExecuted(NotExecuted::Busy(_))))
    }
}

impl Watch for Tenure {
    fn may_begin(&mut self, step: &Step) -> Result<(), Cause> {
        self.0.may_begin(step)
    }

    fn may_run(&mut self, conn: &mut SqliteConnection, sql: &str) -> Result<(), Cause> {
        self.0.may_run(conn, sql)
    }

    fn ran(&mut self, conn: &mut SqliteConnection) -> Result<(), Cause> {
        self.0.ran(conn)
    }

    fn committed(&mut self) -> Result<(), Cause> {
        self.0.committed()
    }
}

/// Which of the other nodes have what was waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// By their names.
    pub have: Vec<String>,
    /// By their names.
    pub missing: Vec<String>,
}

/// Not every node has it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Elsewhere {
    /// When the time was over.
    #[error("not yet on {}", .0.missing.join(", "))]
    Missing(Arrivals),
    /// What has arrived where cannot be told by positions any more.
    #[error("the primary changed while the other nodes were waited for")]
    PrimaryChanged,
    /// This node does not know its own position.
    #[error(transparent)]
    Unread(#[from] Error),
}

/// Returns when every node that `cluster.nodes` names, the primary apart, has what this node has of the
/// repo's database now. `see` is told who has it, at first and at each change.
///
/// # Errors
/// Who has not got it by the deadline.
pub async fn everywhere(
    node: &Node,
    repo: &str,
    deadline: Instant,
    see: &mut dyn FnMut(&Arrivals),
) -> Result<(), Elsewhere> {
    let (served, parts) = (node.inner.served(repo)?, &node.inner.parts);
    let (name, members) = (served.settings.name.clone(), Arc::clone(&parts.members));
    let position = HereOf { node: Arc::clone(&node.inner), served }.position().await?;
    let arrivals = |now: &NotReplicated| Arrivals { have: now.have.clone(), missing: now.missing.clone() };
    let see = |now: &NotReplicated| see(&arrivals(now));
    let waited = members.everywhere(&name, position, deadline, see);
    in_runtime(parts.runtime.handle().clone(), waited).await.map_err(|missing| match missing.changed {
        true => Elsewhere::PrimaryChanged,
        false => Elsewhere::Missing(arrivals(&missing)),
    })
}
