//! The fault run, and a shorter one at the same time in which lost writes are sent again; between
//! them they have every fault. `FAULTS_MINUTES` and `FAULTS_SEED` (what `tests/faults` sets) make
//! them longer, or the same again.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use litefs_diesel_tests::faults::clock;
use litefs_diesel_tests::faults::run::{Plan, run};
use litefs_diesel_tests::faults::schedule::{ALL, Fault};
use litefs_diesel_tests::faults::work::LEVELS;

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// One for both, so that each has the faults that the other has not.
static SEED: LazyLock<u64> = LazyLock::new(|| variable("FAULTS_SEED").unwrap_or_else(clock::now));

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
fn no_fault_doubles_a_write_or_loses_one_without_a_word() {
    go("faults", false, 20);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn no_fault_loses_a_write_that_is_sent_again_when_lost() {
    go("faults-resubmit", true, 10);
}

#[expect(clippy::print_stderr, reason = "the counts are for people")]
fn go(name: &str, resubmit: bool, faults: usize) {
    let seed = *SEED;
    let minutes = variable("FAULTS_MINUTES").unwrap_or(0);
    let plan = Plan {
        seed,
        kinds: kinds(),
        faults,
        lasts: Duration::from_secs(60 * minutes),
        resubmit,
        // One of the two runs of a seed with each.
        majority: (seed % 2 == 1) != resubmit,
        levels: LEVELS.to_vec(),
        folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{seed}")),
    };
    match run(&plan, APP) {
        Ok(report) => eprintln!("{report}"),
        Err(failure) => {
            let only =
                std::env::var("FAULTS_ONLY").map(|only| format!(" --only '{only}'")).unwrap_or_default();
            let resubmit = if resubmit { " --resubmit" } else { "" };
            panic!(
                "{failure}\nthe same again: tests/faults --seed {seed} --minutes {minutes}{only}{resubmit}"
            )
        }
    }
}
