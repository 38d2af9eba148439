//! Whether this node may write while LiteFS calls it primary.

use std::time::{Duration, Instant};

use super::claims::{of_this, rival};
use super::store::{Members, State};
use crate::config::Fence;
use crate::litefs::Role;

/// Why this node does not write, though LiteFS calls it primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fenced {
    pub(crate) why: String,
    /// Who is to be asked instead, when somebody is known.
    pub(crate) hint: Option<String>,
}

impl Members {
    /// Why this node must not write now; `None` when it may, or is not primary at all. Cheap enough
    /// to be asked before and after each commit.
    pub(crate) fn fenced(&self) -> Option<Fenced> {
        if !self.replicated {
            return None;
        }
        let epoch = {
            let role = self.roles.borrow();
            (role.role == Role::Primary).then_some(role.epoch)
        };
        let (fenced, said) = {
            let mut state = self.state.lock();
            let fenced = epoch.and_then(|epoch| self.judge_fence(&state, epoch, Instant::now()));
            let said = std::mem::replace(&mut state.fence_said, fenced.is_some());
            (fenced, said)
        };
        if said != fenced.is_some() {
            match &fenced {
                Some(Fenced { why, .. }) => {
                    metrics::counter!("litefs_diesel_fenced_total").increment(1);
                    tracing::warn!(why, "this node is primary for LiteFS, and does not write");
                }
                None => tracing::info!("this node may write again, or is not primary any more"),
            }
        }
        fenced
    }

    fn judge_fence(&self, state: &State, epoch: u64, now: Instant) -> Option<Fenced> {
        let since = of_this(&state.own, epoch, now);
        if let Some(rival) = rival(state, since, &self.node, now) {
            let why = format!(
                "`{rival}` is primary too, and `{}` is not known to be the later one: send it again when LiteFS has \
                 one primary",
                self.node
            );
            return Some(Fenced { why, hint: Some(rival) });
        }
        let Fence::Majority = self.fence else { return None };
        let timeout = self.fence_timeout;
        let others: Vec<&str> = state.others_expected(&self.node).collect();
        // This node itself counts, so that half of all is enough of the others.
        let needed = others.len().div_ceil(2);
        let confirm = |node: &&&str| self.confirms(state, node, epoch, now, timeout);
        let confirming = others.iter().filter(confirm).count();
        (confirming < needed).then(|| Fenced {
            why: format!(
                "{confirming} of {} other nodes have confirmed within {} ms that `{}` is primary, and {needed} are \
                 needed (setting `cluster.fence`): send it again when more of them reach it",
                others.len(),
                timeout.as_millis(),
                self.node,
            ),
            hint: None,
        })
    }

    /// Whether that node took this one for primary after it had heard something of this tenure that
    /// was said at most `timeout` ago.
    fn confirms(&self, state: &State, node: &str, epoch: u64, now: Instant, timeout: Duration) -> bool {
        let Some(other) = state.others.get(node) else { return false };
        let follows = matches!(&other.view.role, Role::Replica { primary } if *primary == self.node);
        let heard = other.heard(self.told(), self.process);
        let heard = heard.filter(|_| follows && state.own.view.epoch == epoch);
        let made = heard.filter(|version| *version >= state.own.epoch_from);
        made.and_then(|version| state.own.made_at(version))
            .is_some_and(|made| now.duration_since(made) <= timeout)
    }
}
