//! Who says who is primary, and since when.
//!
//! LiteFS can have two primaries for minutes. Of two the later one has the lease: the earlier one's
//! has expired without its knowing. Clocks of different nodes are not compared: each says for how
//! long it has taken a node for primary, and that becomes a moment of this node's clock at receipt.

use std::collections::BTreeMap;
use std::time::Instant;

use super::member::Member;
use super::store::{Own, State};
use crate::litefs::Role;

/// Since when somebody takes a node for primary; `None` when it was so before that process began.
pub(super) type Since = Option<Instant>;

/// A primary besides this one that is the later one, or of which nobody knows that it is not.
pub(super) fn rival(state: &State, own: Since, node: &str, now: Instant) -> Option<String> {
    let mut claims: BTreeMap<&str, Since> = BTreeMap::new();
    for (name, other) in &state.others {
        if let Some(primary) = claim(name, other, now) {
            let best = claims.entry(primary).or_default();
            *best = (*best).max(other.since);
        }
    }
    let own = claims.remove(node).flatten().max(own);
    // A name that nobody here bears may be this very node's: LiteFS has its own setting for it
    // (`lease.hostname`), and does not tell a primary what it is.
    let is_known = |primary: &str| {
        state.others.contains_key(primary) || state.others_expected(node).any(|expected| expected == primary)
    };
    claims.retain(|primary, _| is_known(primary));
    claims.into_iter().find(|(_, since)| is_later(*since, own)).map(|(primary, _)| primary.to_owned())
}

/// Whether of two primaries the first one is later, or as good as that: two who both do not know stop
/// both.
pub(super) fn is_later(rival: Since, own: Since) -> bool {
    match (rival, own) {
        (Some(rival), Some(own)) => rival > own,
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

/// Since when this node is primary, by its own word.
pub(super) fn of_this(own: &Own, epoch: u64, now: Instant) -> Since {
    // LiteFS has said so just now, and it is not yet in the view.
    if own.view.epoch == epoch { own.since } else { Some(now) }
}

/// Whom a node takes for primary. Its word counts until it says something else, even when it is
/// gone: that a primary cannot be heard any more is no reason to take its place. Only hearsay without
/// a time goes with who said it.
fn claim<'a>(name: &'a str, other: &'a Member, now: Instant) -> Option<&'a str> {
    other.received?;
    match &other.view.role {
        Role::Primary => Some(name),
        Role::Replica { primary } if other.since.is_some() || other.is_up(now) => Some(primary),
        Role::Replica { .. } | Role::NoLeader => None,
    }
}
