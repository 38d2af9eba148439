//! Acknowledged writes that are not there: never at `Everywhere`, and below it none without a word.

use std::collections::BTreeMap;

use super::{Evidence, Verdict, Violation, rows_by_tag};
use crate::faults::record::{Class, Process};
use crate::faults::tables::Contents;
use crate::faults::work::Level;

/// The tags of missing writes by their positions, as far as their callers were told one.
type Missing = BTreeMap<Option<String>, Vec<i64>>;

pub(super) fn check(evidence: &Evidence, contents: &Contents, verdict: &mut Verdict) {
    let rows = rows_by_tag(contents);
    for process in &evidence.processes {
        let mut missing = Missing::new();
        // What its caller was told by the call itself may be reported, too.
        let mut told: usize = 0;
        for (&tag, recorded) in &process.attempts {
            let Some(end) = &recorded.end else { continue };
            told += usize::from(end.class == Class::Lost);
            let acknowledged = matches!(end.class, Class::Value | Class::Committed);
            if !acknowledged || rows.contains_key(&tag) || recorded.attempt.work.rows() == 0 {
                continue;
            }
            let level = recorded.attempt.level;
            if level == Level::Everywhere && end.class == Class::Value {
                verdict.violations.push(Violation::MissingAtEverywhere { tag });
                continue;
            }
            verdict.lost += 1;
            if !process.finished {
                verdict.lost_untold += 1;
            } else if evidence.resubmit && recorded.attempt.way.is_kept() {
                verdict.violations.push(Violation::MissingThoughResubmitted { tag, level });
            } else {
                missing.entry(end.position.clone()).or_default().push(tag);
            }
        }
        if process.finished {
            compare(process, missing, told, verdict);
        }
    }
}

/// A report bears the position of its write and not its tag, which is a value. Several writes of
/// one commit have one position, and are lost together.
fn compare(process: &Process, mut missing: Missing, told: usize, verdict: &mut Verdict) {
    let mut reports = BTreeMap::<&str, usize>::new();
    for loss in &process.lost {
        *reports.entry(&loss.position).or_default() += 1;
    }
    for (position, reports) in &mut reports {
        if let Some(tags) = missing.get_mut(&Some((*position).to_owned())) {
            let matched = tags.len().min(*reports);
            tags.drain(..matched);
            *reports -= matched;
        }
    }
    // Reports that are left are those of writes whose callers were told no position.
    let mut left: usize = reports.values().sum();
    if let Some(tags) = missing.get_mut(&None) {
        let matched = tags.len().min(left);
        tags.drain(..matched);
        left -= matched;
    }
    for (position, tags) in missing.into_iter().filter(|(_, tags)| !tags.is_empty()) {
        let process = process.name.clone();
        verdict.violations.push(Violation::LostUntold { process, position, writes: tags.len(), tags });
    }
    if left > told {
        for (position, reports) in reports.into_iter().filter(|(_, reports)| *reports > 0) {
            let (process, position) = (process.name.clone(), position.to_owned());
            verdict.violations.push(Violation::FalselyLost { process, position, reports });
        }
    }
}
