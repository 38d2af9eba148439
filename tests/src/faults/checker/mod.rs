//! Whether what the applications were told and what the databases have agree.
//!
//! It looks at records and tables only; it never looks at a running node.

mod losses;
mod sums;
mod violation;
mod writes;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use violation::Violation;

use super::record::Process;
use super::tables::Contents;

/// How much later than its deadline a call may end.
pub const GRACE_MS: u64 = 250;

/// What is known after a run.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What each application process has recorded.
    pub processes: Vec<Process>,
    /// What each node's file has, by the node's host name.
    pub nodes: BTreeMap<String, Contents>,
    /// Whether the applications let lost writes be sent again.
    pub resubmit: bool,
}

/// What the check has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What must not be. None: the run has passed.
    pub violations: Vec<Violation>,
    /// Writes that were acknowledged below `Everywhere` and are gone, all of them told as the
    /// contract says unless there is a violation that says otherwise.
    pub lost: usize,
    /// Those of them whose process had ended before it could tell.
    pub lost_untold: usize,
    /// Calls that outlived their deadline because their process did not get to run.
    pub late_excused: usize,
}

/// Checks everything.
#[must_use]
pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    let mut nodes = evidence.nodes.iter();
    let Some((first, contents)) = nodes.next() else {
        verdict.violations.push(Violation::NoDatabase);
        return verdict;
    };
    for (node, other) in nodes {
        if other != contents {
            verdict.violations.push(Violation::NodesDiffer { one: first.clone(), other: node.clone() });
        }
    }
    writes::check(evidence, contents, &mut verdict);
    losses::check(evidence, contents, &mut verdict);
    sums::check(contents, &mut verdict);
    verdict
}

/// How many rows there are of each tag.
fn rows_by_tag(contents: &Contents) -> BTreeMap<i64, usize> {
    let mut rows = BTreeMap::new();
    for entry in &contents.entries {
        *rows.entry(entry.tag).or_default() += 1;
    }
    rows
}
