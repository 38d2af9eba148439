//! Reading whose writes a node takes.

use std::collections::BTreeSet;

use super::error::StartError;
use super::read::Found;
use super::settings::Nodes;

/// Whose writes this node runs while it is primary. Its own it always runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AcceptWrites {
    /// Those of every node of the cluster.
    All,
    /// No other node's.
    None,
    /// Those of the nodes with these names.
    From(BTreeSet<String>),
}

impl AcceptWrites {
    /// The setting by which writes of the node of that name are not taken, if they are not.
    pub(crate) fn refuses(&self, node: &str) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::None => Some("cluster.accept_writes"),
            Self::From(nodes) if nodes.contains(node) => None,
            Self::From(_) => Some("cluster.accept_writes_from"),
        }
    }
}

/// The setting in `[cluster]`. `nodes` are those that it may name, when they are listed.
pub(super) fn settings<'a>(
    get: impl Fn(&'static str) -> Option<Found<'a>>,
    nodes: Option<&Nodes>,
) -> Result<AcceptWrites, StartError> {
    let accepts = get("accept_writes").map_or(Ok(true), |found| found.boolean())?;
    let Some(found) = get("accept_writes_from") else {
        return Ok(if accepts { AcceptWrites::All } else { AcceptWrites::None });
    };
    if !accepts {
        return Err(
            found.error("`cluster.accept_writes = false` takes no node's writes; leave one of the two out")
        );
    }
    let from = found.list()?;
    if from.is_empty() || from.contains(&"") {
        return Err(found.error(
            "it names no node, or an empty one; name those whose writes this node takes, or write `accept_writes = false`",
        ));
    }
    let unknown = match nodes {
        Some(Nodes::List(nodes)) => from.iter().find(|name| !nodes.iter().any(|node| node == *name)),
        Some(Nodes::Dns { .. }) | None => None,
    };
    match unknown {
        Some(name) => Err(found.error(format!("`{name}` is none of `cluster.nodes`"))),
        None => Ok(AcceptWrites::From(from.into_iter().map(str::to_owned).collect())),
    }
}
