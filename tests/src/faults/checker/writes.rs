//! Each write by itself: what it ended with, when, and how often it is there.

use super::{Evidence, GRACE_MS, Verdict, Violation, rows_by_tag};
use crate::faults::record::{Class, Given, Process, Recorded};
use crate::faults::tables::Contents;
use crate::faults::work::{Level, Work};

pub(super) fn check(evidence: &Evidence, contents: &Contents, verdict: &mut Verdict) {
    let mut rows = rows_by_tag(contents);
    for process in &evidence.processes {
        for (&tag, recorded) in &process.attempts {
            let there_are = rows.remove(&tag).unwrap_or_default();
            there(tag, recorded, there_are, verdict);
            // One that was lost, told, and sent again has another row than its caller was told of. What gave its
            // value at Everywhere is never lost; what was only committed in time is, at every level.
            let value = recorded.end.as_ref().is_some_and(|end| end.class == Class::Value);
            let again = evidence.resubmit && !(value && recorded.attempt.level == Level::Everywhere);
            if there_are > 0 && !again {
                given(tag, recorded, contents, verdict);
            }
            ended(tag, process, recorded, verdict);
        }
    }
    verdict.violations.extend(rows.into_keys().map(|tag| Violation::Unasked { tag }));
}

/// That it is missing is looked at with all others of its process: see `losses`.
fn there(tag: i64, recorded: &Recorded, rows: usize, verdict: &mut Verdict) {
    let class = recorded.end.as_ref().map(|end| end.class);
    let wanted = recorded.attempt.work.rows();
    let nothing_changed = match class {
        Some(class @ (Class::Rejected | Class::NotExecuted | Class::Lost)) => Some(class),
        _ => None,
    };
    verdict.violations.extend(match (rows, nothing_changed) {
        (0, _) => None,
        (_, Some(class)) => Some(Violation::ThereAfterAll { tag, class }),
        (rows, None) if rows > wanted => Some(Violation::Doubled { tag, class, rows, wanted }),
        (rows, None) if rows < wanted => Some(Violation::Partial { tag, rows, wanted }),
        _ => None,
    });
}

/// Each attempt is told what the one of them that ran has returned.
fn given(tag: i64, recorded: &Recorded, contents: &Contents, verdict: &mut Verdict) {
    let Some(given) = recorded.end.as_ref().and_then(|end| end.given.clone()) else { return };
    let is_right = match &given {
        Given::Id(id) => contents.ids.contains(&(tag, *id)),
        Given::Counts(counts) => *counts == recorded.attempt.work.counts(),
    };
    if !is_right {
        verdict.violations.push(Violation::WrongValue { tag, given });
    }
}

fn ended(tag: i64, process: &Process, recorded: &Recorded, verdict: &mut Verdict) {
    let Some(end) = &recorded.end else {
        if process.finished {
            verdict.violations.push(Violation::NeverEnded { tag });
        }
        return;
    };
    let detail = || end.detail.clone().unwrap_or_default();
    let refusable = recorded.attempt.work == Work::Refused;
    verdict.violations.extend(match end.class {
        Class::Other => Some(Violation::Strange { tag, detail: detail() }),
        Class::Value | Class::Committed if refusable => Some(Violation::NotRefused { tag, class: end.class }),
        Class::Rejected if !refusable => Some(Violation::WronglyRefused { tag, detail: detail() }),
        _ => None,
    });
    if end.late_ms > GRACE_MS {
        let stalled_ms = process.stalled_ms(recorded.at, end.at);
        if end.late_ms > GRACE_MS + stalled_ms {
            verdict.violations.push(Violation::Late { tag, late_ms: end.late_ms, stalled_ms });
        } else {
            verdict.late_excused += 1;
        }
    }
}
