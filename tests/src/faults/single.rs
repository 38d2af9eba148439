//! What the tests of single faults share.

use std::path::Path;
use std::time::Duration;

use super::checker::Verdict;
use super::load::Orders;
use super::record::{Class, End};
use super::run::settle;
use super::stage::{NODES, Stage};
use super::work::{Attempt, LEVELS, Level, Way, Work};
use crate::cluster::Lease;
use crate::contract::NodeSettings;
use crate::wait::{self, PATIENCE};

/// By when the survivors of a primary have elected another, with the usual lease: twice its time to
/// live, the lock delay, and as much again.
pub const ELECTION: Duration = Duration::from_secs(10);

/// Three nodes with their applications, ready to write.
///
/// # Panics
/// When they do not get there.
#[must_use]
pub fn stage(binary: &str, lease: impl Into<Lease>, adjust: impl Fn(&mut NodeSettings)) -> Stage {
    let stage = Stage::set(binary, lease, adjust).unwrap();
    stage.recover().unwrap_or_else(|error| panic!("it never wrote: {error}"));
    stage
}

/// The insert of one row, by a typed method.
#[must_use]
pub fn insert(tag: i64, level: Level, timeout_ms: u64) -> Attempt {
    Attempt { tag, work: Work::Insert(1), way: Way::Method, level, timeout_ms }
}

/// One call, which ends by its deadline.
///
/// # Panics
/// When it does not, or the application is gone.
#[must_use]
pub fn call(stage: &Stage, node: usize, attempt: &Attempt) -> End {
    let end = stage.call(node, attempt).unwrap();
    assert!(end.late_ms <= super::checker::GRACE_MS, "{} ms late: {end:?}", end.late_ms);
    end
}

/// Calls with new tags, from `tag` up, until one gives its value; returns its tag.
///
/// # Panics
/// When none does within [`PATIENCE`].
#[must_use]
pub fn until_done(stage: &Stage, node: usize, tag: i64) -> i64 {
    let mut next = tag;
    wait::until(PATIENCE, || {
        let end = call(stage, node, &insert(next, Level::Visible, 1_000));
        next += 1;
        if end.class == Class::Value { Ok(end.tag) } else { Err(format!("{end:?}")) }
    })
    .unwrap()
}

/// How often an application has opened something that stays open.
///
/// # Panics
/// When the application is gone.
#[must_use]
pub fn opened(stage: &Stage, node: usize) -> usize {
    stage.apps()[node].call("faults_opened", ()).unwrap()
}

/// Waits until an application has opened something for the n-th time.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub fn wait_opened(stage: &Stage, node: usize, times: usize) {
    let enough = || if opened(stage, node) >= times { Ok(()) } else { Err("it was not opened") };
    wait::until(PATIENCE, enough).unwrap();
}

/// The other two.
#[must_use]
pub fn others(node: usize) -> [usize; 2] {
    [(node + 1) % NODES, (node + 2) % NODES]
}

/// How often a tag is in each node's file, once all nodes agree.
///
/// # Panics
/// When they do not.
#[must_use]
pub fn rows(stage: &Stage, tag: i64) -> usize {
    stage.cluster().wait_settled(super::stage::DATABASE, PATIENCE).unwrap();
    let rows = [0, 1, 2].map(|node| stage.tags(node).unwrap().iter().filter(|&&is| is == tag).count());
    assert!(rows.iter().all(|count| *count == rows[0]), "{tag} is there {rows:?} times");
    rows[0]
}

/// Lets all applications write at every level while something is done, and checks each write; returns what
/// the check has counted.
///
/// # Panics
/// When it does not recover, or something is not as it was promised.
pub fn under_load(binary: &str, lease: impl Into<Lease>, during: impl FnOnce(&Stage)) -> Verdict {
    let records = tempfile::tempdir().unwrap();
    let stage = stage(binary, lease, |settings| settings.record = Some(records.path().to_owned()));
    stage.start_load(Orders::new(1, LEVELS)).unwrap();
    during(&stage);
    check(&stage, records.path())
}

/// Ends the load of a stage that was given records, and checks it; returns what that has counted.
///
/// # Panics
/// When something is not as it was promised.
#[expect(clippy::print_stderr, reason = "the counts are for people")]
pub fn check(stage: &Stage, records: &Path) -> Verdict {
    stage.recover().unwrap_or_else(|error| panic!("{error}"));
    let verdict = settle(stage, records, false).unwrap();
    let mut report = super::report::Report { verdict, ..Default::default() };
    report.count(&super::record::Process::read_all(records).unwrap());
    eprintln!("{report}");
    assert!(report.verdict.violations.is_empty(), "{:#?}", report.verdict.violations);
    report.verdict
}
