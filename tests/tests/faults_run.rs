//! The fault run. `FAULTS_MINUTES` and `FAULTS_SEED` (what `tests/faults` sets) make it longer, or
//! the same again.

use std::path::Path;
use std::time::Duration;

use litefs_diesel_tests::faults::clock;
use litefs_diesel_tests::faults::run::{Plan, run};
use litefs_diesel_tests::faults::schedule::{ALL, Fault};
use litefs_diesel_tests::faults::work::Level;

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// Each level, and how often.
const LEVELS: &[(u64, Level)] = &[
    (2, Level::Committed),
    (4, Level::Visible),
    (2, Level::Replicated(1)),
    (1, Level::Replicated(2)),
    (2, Level::Everywhere),
];

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, and should be a number")))
}

/// All faults, or those whose name has what `FAULTS_ONLY` says in it.
fn kinds() -> Vec<Fault> {
    let only = std::env::var("FAULTS_ONLY").unwrap_or_default();
    let kinds: Vec<_> = ALL.iter().copied().filter(|fault| fault.to_string().contains(&only)).collect();
    assert!(!kinds.is_empty(), "no fault is called {only:?}: {ALL:?}");
    kinds
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stderr, reason = "the counts are for people")]
fn no_fault_doubles_a_write_or_loses_one_without_a_word() {
    let seed = variable("FAULTS_SEED").unwrap_or_else(clock::now);
    let minutes = variable("FAULTS_MINUTES").unwrap_or(0);
    let plan = Plan {
        seed,
        kinds: kinds(),
        faults: variable("FAULTS_COUNT").unwrap_or(20) as usize,
        lasts: Duration::from_secs(60 * minutes),
        resubmit: std::env::var_os("FAULTS_RESUBMIT").is_some(),
        levels: LEVELS.to_vec(),
        folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{seed}")),
    };
    match run(&plan, APP) {
        Ok(report) => eprintln!("{report}"),
        Err(failure) => {
            let only =
                std::env::var("FAULTS_ONLY").map(|only| format!(" --only '{only}'")).unwrap_or_default();
            let resubmit = if plan.resubmit { " --resubmit" } else { "" };
            panic!(
                "{failure}\nthe same again: tests/faults --seed {seed} --minutes {minutes}{only}{resubmit}"
            )
        }
    }
}
