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
    /// Counts up by one for each change and each heartbeat, from 1.
    pub(crate) version: u64,
    /// Whom it takes for primary.
    #[serde(with = "role")]
    pub(crate) role: Role,
    /// How many changes of the role it has seen.
    pub(crate) epoch: u64,
    /// For how many milliseconds it has taken that node for primary, when it was sent. `None` when
    /// there is none, or when that began before this process did.
    pub(crate) age_ms: Option<u64>,
    /// Where it stands, by the name of the repo; those only that it saw under this role.
    pub(crate) positions: BTreeMap<String, Place>,
    /// Whether it may become primary (LiteFS's `candidate:`), when that is known.
    pub(crate) candidate: Option<bool>,
    /// How many replicas its LiteFS has connected, while it is primary and knows it.
    pub(crate) replicas: Option<u32>,
    /// The latest view of each other node that had reached it when this was sent, by that node's
    /// name: whoever finds itself there knows that what this says came after that.
    pub(crate) heard: BTreeMap<String, Heard>,
}

/// Where a database is on one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) position: Position,
    /// Whether the node was seen to come there under its present primary. Else it may be where it was
    /// before, on a history that this primary does not have.
    pub(crate) proven: bool,
}

/// One view of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) process: u128,
    pub(crate) version: u64,
}

impl View {
    /// Of a node that has seen nothing yet.
    pub(crate) fn unknown() -> Self {
        Self {
            version: 0,
            role: Role::NoLeader,
            epoch: 0,
            age_ms: None,
            positions: BTreeMap::new(),
            candidate: None,
            replicas: None,
            heard: BTreeMap::new(),
        }
    }

    /// Of a process that is no node of the cluster: nothing that anybody would count or wait for.
    pub(crate) fn of_guest() -> Self {
        Self { candidate: Some(false), ..Self::unknown() }
    }

    /// Whether it is one of those. A node that counts says where it stands.
    pub(crate) fn is_of_guest(&self) -> bool {
        self.role == Role::NoLeader && self.candidate == Some(false) && self.positions.is_empty()
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
    /// which others may come: reports are quicker, and this is for when they do not come through.
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

    fn unsendable(_: &Answer, why: String) -> Refusal {
        Refusal::Refused(format!("this node's view: {why}"))
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
