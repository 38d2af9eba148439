//! The control service: what each node sees of the cluster, told to the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Named, Service};
use crate::litefs::Role;
use crate::position::Position;
use crate::request::Refusal;

/// The service of the control connection.
pub(crate) enum Control {}

/// What one node sees. The latest one replaces all before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct View {
    /// Counts up by one for each change, from 1.
    pub(crate) version: u64,
    /// Whom it takes for primary.
    #[serde(with = "role")]
    pub(crate) role: Role,
    /// How many changes of the role it has seen.
    pub(crate) epoch: u64,
    /// Where it stands, by the name of the repo.
    pub(crate) positions: BTreeMap<String, Position>,
    /// Whether it may become primary (LiteFS's `candidate:`), when that is known.
    pub(crate) candidate: Option<bool>,
}

impl View {
    /// Of a node that has seen nothing yet.
    pub(crate) fn unknown() -> Self {
        Self { version: 0, role: Role::NoLeader, epoch: 0, positions: BTreeMap::new(), candidate: None }
    }

    /// The host name of the primary, as far as this node knows: `None` when it is primary itself.
    pub(crate) fn primary(&self) -> Option<&str> {
        match &self.role {
            Role::Replica { primary } => Some(primary),
            Role::Primary | Role::NoLeader => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// Answered with a view that is newer than `seen`, or with the one there is when the call's
    /// time is over. A changed `epoch` is told at once, a changed position after a short pause in
    /// which others may come.
    Watch { seen: u64, epoch: u64 },
    /// What the asking node sees.
    Report(View),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Answer {
    View(View),
    Noted,
}

impl Service for Control {
    type Request = Ask;
    type Reply = Answer;

    fn too_large(_: &Answer, limit: usize) -> Refusal {
        Refusal::Refused(format!("this node's view takes more than {limit} bytes"))
    }
}

impl Named for Ask {
    fn name(&self) -> &'static str {
        match self {
            Self::Watch { .. } => "watch",
            Self::Report(_) => "report",
        }
    }
}

/// A role's form on the wire, apart from the public type.
mod role {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::litefs::Role;

    #[derive(Serialize, Deserialize)]
    enum OnWire {
        Primary,
        Replica(String),
        NoLeader,
    }

    pub(super) fn serialize<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
        match role {
            Role::Primary => OnWire::Primary,
            Role::Replica { primary } => OnWire::Replica(primary.clone()),
            Role::NoLeader => OnWire::NoLeader,
        }
        .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
        Ok(match OnWire::deserialize(deserializer)? {
            OnWire::Primary => Role::Primary,
            OnWire::Replica(primary) => Role::Replica { primary },
            OnWire::NoLeader => Role::NoLeader,
        })
    }
}
