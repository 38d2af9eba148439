//! The checker on records and tables that are made up: it passes what is right, and finds each
//! thing that is not.

use super::*;
use std::collections::BTreeSet;

use crate::faults::record::{Class, End, Given, Loss, Recorded};
use crate::faults::tables::Entry;
use crate::faults::work::{Attempt, Level, Transfer, Way, Work};

/// One node's process with one call, whose row is there.
struct Case {
    attempt: Attempt,
    end: Option<End>,
    entries: Vec<Entry>,
    lost: Vec<Loss>,
    stalls: Vec<(u64, u64)>,
    finished: bool,
    resubmit: bool,
}

const TAG: i64 = 7;
const AT: &str = "0000000000000007/0000000000000001";

fn case(class: Class, level: Level) -> Case {
    Case {
        attempt: Attempt { tag: TAG, work: Work::Insert(1), way: Way::Method, level, timeout_ms: 100 },
        end: Some(End {
            at: 200_000,
            tag: TAG,
            class,
            detail: None,
            position: Some(AT.to_owned()),
            given: None,
            late_ms: 0,
        }),
        entries: vec![Entry::of(TAG)],
        lost: Vec::new(),
        stalls: Vec::new(),
        finished: true,
        resubmit: false,
    }
}

impl Case {
    fn evidence(self) -> Evidence {
        let recorded = Recorded { at: 100_000, attempt: self.attempt, end: self.end };
        let process = Process {
            name: "p".into(),
            node: "node-0".into(),
            attempts: BTreeMap::from([(TAG, recorded)]),
            lost: self.lost,
            stalls: self.stalls,
            finished: self.finished,
        };
        let contents = Contents { entries: self.entries, ..Contents::fresh() };
        let nodes = ["node-0", "node-1"].map(|node| (node.to_owned(), contents.clone()));
        Evidence { processes: vec![process], nodes: BTreeMap::from(nodes), resubmit: self.resubmit }
    }

    fn gone(self) -> Self {
        Self { entries: Vec::new(), ..self }
    }

    fn reported(mut self, times: usize) -> Self {
        self.lost = vec![Loss { at: 1, position: AT.to_owned(), text: String::new(), resubmit: None }; times];
        self
    }

    fn violations(self) -> Vec<Violation> {
        check(&self.evidence()).violations
    }
}

#[track_caller]
fn passes(case: Case) {
    assert_eq!(case.violations(), []);
}

#[track_caller]
fn fails(case: Case, violation: Violation) {
    assert_eq!(case.violations(), [violation]);
}

const BELOW: [Level; 3] = [Level::Committed, Level::Visible, Level::Replicated(1)];

#[test]
fn a_write_that_is_there_as_its_caller_was_told_passes() {
    for class in [Class::Value, Class::Committed, Class::Unknown] {
        passes(case(class, Level::Visible));
    }
    for class in [Class::Rejected, Class::NotExecuted, Class::Lost, Class::Unknown] {
        let mut case = case(class, Level::Everywhere).gone();
        case.attempt.work = if class == Class::Rejected { Work::Refused } else { Work::Insert(1) };
        passes(case);
    }
    passes(Case { end: None, finished: false, ..case(Class::Value, Level::Visible) });
    passes(Case { end: None, finished: false, ..case(Class::Value, Level::Visible).gone() });
}

#[test]
fn a_write_that_is_there_twice_is_found_whatever_its_caller_was_told() {
    for class in [Class::Value, Class::Committed, Class::Unknown] {
        let mut twice = case(class, Level::Visible);
        twice.entries.push(Entry::of(TAG));
        fails(twice, Violation::Doubled { tag: TAG, class: Some(class), rows: 2, wanted: 1 });
    }
    let mut untold = Case { end: None, finished: false, ..case(Class::Value, Level::Visible) };
    untold.entries.push(Entry::of(TAG));
    fails(untold, Violation::Doubled { tag: TAG, class: None, rows: 2, wanted: 1 });
}

#[test]
fn a_write_that_is_half_there_is_found() {
    let mut half = case(Class::Value, Level::Visible);
    half.attempt.work = Work::Insert(3);
    fails(half, Violation::Partial { tag: TAG, rows: 1, wanted: 3 });
}

#[test]
fn a_value_that_is_another_attempts_is_found() {
    let told_by = |class, level, given: Given, there: i64| {
        let mut evidence = case(class, level);
        evidence.end.as_mut().unwrap().given = Some(given);
        let mut evidence = evidence.evidence();
        evidence.nodes.values_mut().for_each(|node| node.ids = BTreeSet::from([(TAG, there)]));
        evidence
    };
    let told = |given, there| told_by(Class::Value, Level::Visible, given, there);
    assert_eq!(check(&told(Given::Id(5), 5)).violations, []);
    let wrong = Violation::WrongValue { tag: TAG, given: Given::Id(4) };
    assert_eq!(check(&told(Given::Id(4), 5)).violations, std::slice::from_ref(&wrong));
    // Sent again after its caller was told.
    let again = |class, level| Evidence { resubmit: true, ..told_by(class, level, Given::Id(4), 5) };
    assert_eq!(check(&again(Class::Value, Level::Visible)).violations, []);
    assert_eq!(check(&again(Class::Committed, Level::Everywhere)).violations, [], "not everywhere in time");
    assert_eq!(check(&again(Class::Value, Level::Everywhere)).violations, [wrong]);
    assert_eq!(check(&told(Given::Counts(vec![1]), 5)).violations, []);
    let wrong = Violation::WrongValue { tag: TAG, given: Given::Counts(vec![0]) };
    assert_eq!(check(&told(Given::Counts(vec![0]), 5)).violations, [wrong]);
}

#[test]
fn a_write_that_changed_nothing_and_is_there_is_found() {
    for class in [Class::NotExecuted, Class::Lost] {
        fails(case(class, Level::Visible), Violation::ThereAfterAll { tag: TAG, class });
    }
    let mut refused = case(Class::Rejected, Level::Visible);
    refused.attempt.work = Work::Refused;
    fails(refused, Violation::ThereAfterAll { tag: TAG, class: Class::Rejected });
}

#[test]
fn a_value_at_everywhere_that_is_missing_is_found_even_when_it_is_reported_and_its_process_is_dead() {
    let missing = Violation::MissingAtEverywhere { tag: TAG };
    fails(case(Class::Value, Level::Everywhere).gone(), missing.clone());
    fails(Case { resubmit: true, ..case(Class::Value, Level::Everywhere).gone() }, missing.clone());
    fails(Case { finished: false, ..case(Class::Value, Level::Everywhere).gone().reported(1) }, missing);
}

#[test]
fn a_lost_write_is_to_be_reported_once_by_the_process_that_lives() {
    for level in BELOW {
        for class in [Class::Value, Class::Committed] {
            passes(case(class, level).gone().reported(1));
            let untold = Violation::LostUntold {
                process: "p".into(),
                position: Some(AT.into()),
                writes: 1,
                tags: vec![TAG],
            };
            fails(case(class, level).gone(), untold);
            let verdict = check(&Case { finished: false, ..case(class, level).gone() }.evidence());
            assert_eq!((verdict.violations, verdict.lost, verdict.lost_untold), (vec![], 1, 1));
        }
    }
    // Not as far as it was asked for: that is no promise of `Everywhere`, but one of a report.
    passes(case(Class::Committed, Level::Everywhere).gone().reported(1));
}

#[test]
fn a_report_of_a_lost_write_fits_one_whose_caller_was_told_no_position() {
    let mut blind = case(Class::Value, Level::Visible).gone().reported(1);
    blind.end.as_mut().unwrap().position = None;
    passes(blind);
}

#[test]
fn a_report_of_a_write_that_is_there_is_found() {
    let falsely = |reports| Violation::FalselyLost { process: "p".into(), position: AT.into(), reports };
    fails(case(Class::Value, Level::Visible).reported(1), falsely(1));
    fails(case(Class::Value, Level::Visible).gone().reported(3), falsely(2));
}

#[test]
fn with_resubmit_no_acknowledged_write_may_be_missing_but_in_a_transaction_that_is_reported() {
    for level in BELOW {
        let gone = || Case { resubmit: true, ..case(Class::Value, level).gone() };
        fails(gone(), Violation::MissingThoughResubmitted { tag: TAG, level });
        passes(Case { resubmit: true, ..case(Class::Value, level) });
        // A transaction cannot be sent again: it is reported.
        let in_transaction = |mut case: Case| {
            case.attempt.way = Way::Transaction;
            case
        };
        passes(in_transaction(gone().reported(1)));
        assert_ne!(in_transaction(gone()).violations(), []);
    }
}

#[test]
fn a_late_call_is_found_unless_its_process_did_not_get_to_run() {
    let late = |late_ms| {
        let mut late = case(Class::Value, Level::Visible);
        late.end.as_mut().unwrap().late_ms = late_ms;
        late
    };
    passes(late(GRACE_MS));
    fails(late(251), Violation::Late { tag: TAG, late_ms: 251, stalled_ms: 0 });
    let stalled = Case { stalls: vec![(150_000, 190_000)], ..late(280) };
    let verdict = check(&stalled.evidence());
    assert_eq!((verdict.violations, verdict.late_excused), (vec![], 1));
    let elsewhere = Case { stalls: vec![(300_000, 900_000)], ..late(280) };
    fails(elsewhere, Violation::Late { tag: TAG, late_ms: 280, stalled_ms: 0 });
}

#[test]
fn a_call_that_never_ends_is_found() {
    let open = Case { end: None, ..case(Class::Value, Level::Visible) };
    fails(open, Violation::NeverEnded { tag: TAG });
}

#[test]
fn an_end_that_does_not_fit_is_found() {
    let mut strange = case(Class::Other, Level::Visible);
    strange.end.as_mut().unwrap().detail = Some("what?".into());
    fails(strange, Violation::Strange { tag: TAG, detail: "what?".into() });
    let mut refusable = case(Class::Value, Level::Visible).gone();
    refusable.attempt.work = Work::Refused;
    fails(refusable, Violation::NotRefused { tag: TAG, class: Class::Value });
    let refused = case(Class::Rejected, Level::Visible).gone();
    fails(refused, Violation::WronglyRefused { tag: TAG, detail: String::new() });
}

#[test]
fn a_row_that_nobody_asked_for_is_found() {
    let mut evidence = case(Class::Value, Level::Visible).evidence();
    for contents in evidence.nodes.values_mut() {
        contents.entries.push(Entry::of(99));
    }
    assert_eq!(check(&evidence).violations, [Violation::Unasked { tag: 99 }]);
}

#[test]
fn nodes_that_differ_are_found_and_so_is_that_there_are_none() {
    let mut evidence = case(Class::Value, Level::Visible).evidence();
    evidence.nodes.get_mut("node-1").unwrap().others.insert("ledger".into(), 1);
    let differ = Violation::NodesDiffer { one: "node-0".into(), other: "node-1".into() };
    assert_eq!(check(&evidence).violations, [differ]);
    evidence.nodes.clear();
    assert_eq!(check(&evidence).violations, [Violation::NoDatabase]);
}

#[test]
fn counters_and_accounts_that_are_not_what_their_rows_say_are_found() {
    let mut counted = case(Class::Value, Level::Visible);
    counted.attempt.work = Work::Increment(1);
    counted.entries = vec![Entry { counter: Some(1), ..Entry::of(TAG) }];
    let mut evidence = counted.evidence();
    let violation = Violation::Counter { counter: 1, is: 0, rows: 1 };
    assert_eq!(check(&evidence).violations, [violation]);
    evidence.nodes.values_mut().for_each(|node| *node.counters.get_mut(&1).unwrap() += 1);
    assert_eq!(check(&evidence).violations, []);

    let mut moved = case(Class::Value, Level::Visible);
    moved.attempt.work = Work::Transfer(Transfer { source: 1, target: 2, cents: 5 });
    moved.entries = vec![Entry { source: Some(1), target: Some(2), cents: 5, ..Entry::of(TAG) }];
    let mut evidence = moved.evidence();
    let mut give = |account: i64, cents: i64| {
        evidence.nodes.values_mut().for_each(|node| *node.accounts.get_mut(&account).unwrap() += cents);
        check(&evidence).violations
    };
    use crate::faults::tables::CENTS;
    let half = [
        Violation::Account { account: 2, is: CENTS, rows: CENTS + 5 },
        Violation::Sum { is: 8 * CENTS - 5, was: 8 * CENTS },
    ];
    assert_eq!(give(1, -5), half);
    assert_eq!(give(2, 5), []);
}
