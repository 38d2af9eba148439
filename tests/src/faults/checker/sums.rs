//! Counters and accounts are what their rows say: a write that was half done, or done again without
//! its row, would show here.

use std::collections::BTreeMap;

use super::{Verdict, Violation};
use crate::faults::tables::{CENTS, Contents};

pub(super) fn check(contents: &Contents, verdict: &mut Verdict) {
    let mut counted = BTreeMap::<i64, i64>::new();
    let mut moved = BTreeMap::<i64, i64>::new();
    for entry in &contents.entries {
        if let Some(counter) = entry.counter {
            *counted.entry(counter).or_default() += 1;
        }
        for (account, cents) in [(entry.source, -entry.cents), (entry.target, entry.cents)] {
            if let Some(account) = account {
                *moved.entry(account).or_default() += cents;
            }
        }
    }
    let of = |sums: &BTreeMap<i64, i64>, of: &i64| sums.get(of).copied().unwrap_or_default();
    for (&counter, &is) in &contents.counters {
        let rows = of(&counted, &counter);
        if is != rows {
            verdict.violations.push(Violation::Counter { counter, is, rows });
        }
    }
    for (&account, &is) in &contents.accounts {
        let rows = CENTS + of(&moved, &account);
        if is != rows {
            verdict.violations.push(Violation::Account { account, is, rows });
        }
    }
    let (is, was) = (contents.accounts.values().sum(), CENTS * contents.accounts.len() as i64);
    if is != was {
        verdict.violations.push(Violation::Sum { is, was });
    }
}
