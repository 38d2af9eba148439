//! What an application on a replica is told while the primary's application, or its own LiteFS, is
//! down; and that it goes on by itself afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::{Known, Site, TOKENS, WriteOn, wait_role};
use litefs_diesel_tests::wait::{self, PATIENCE};

const APP: &str = env!("CARGO_BIN_EXE_app_node");

/// How much later than its deadline an answer may come on a machine that is busy.
const GRACE_MS: f64 = 250.0;

/// Each write that was acknowledged is there once, none that surely was not done is, and there is
/// none that nobody asked for.
#[track_caller]
fn assert_true(known: &Known, tokens: &[i64]) {
    let mut times = BTreeMap::<i64, usize>::new();
    tokens.iter().for_each(|token| *times.entry(*token).or_default() += 1);
    let of = |token: &i64| times.get(token).copied().unwrap_or_default();
    let lost: Vec<_> = known.done.iter().filter(|token| of(token) != 1).collect();
    assert!(lost.is_empty(), "acknowledged, and not there once: {lost:?}");
    let done: Vec<_> = known.not_done.iter().filter(|token| of(token) != 0).collect();
    assert!(done.is_empty(), "said not to have run, and there: {done:?}");
    assert!(known.unknown.iter().all(|token| of(token) <= 1), "an unknown one ran twice");
    let asked = known.done.len() + known.not_done.len() + known.unknown.len();
    assert!(times.len() <= asked && tokens.len() <= asked);
}

fn tokens(app: &AppProcess) -> Vec<i64> {
    app.call("tokens", ()).unwrap()
}

fn writes(app: &AppProcess) -> bool {
    app.call::<usize>("execute", "CREATE TABLE IF NOT EXISTS probe (a)").is_ok()
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stderr, reason = "the figures are for people")]
fn while_the_primarys_application_stops_and_starts_each_write_ends_in_time_and_tells_the_truth() {
    let site = Site::start(2, APP);
    let apps = site.apps();
    let [primary, replica] = &apps[..] else { panic!() };
    replica.call::<usize>("execute", TOKENS).unwrap();
    let known = std::thread::scope(|scope| {
        let what = WriteOn { writers: 8, millis: 6_000, timeout_ms: 700 };
        let writing = scope.spawn(move || replica.call::<Known>("write_on", &what).unwrap());
        for round in 0..4 {
            // Writes are under way: some of those that are answered came after the last start.
            let before = tokens(replica).len();
            wait::until(PATIENCE, || {
                if tokens(replica).len() > before + 20 { Ok(()) } else { Err("no writes") }
            })
            .unwrap();
            if round % 2 == 0 {
                primary.kill().unwrap()
            } else {
                primary.stop().unwrap()
            }
            // Down for longer than one deadline in two of the rounds.
            let down = Duration::from_millis(if round < 2 { 100 } else { 900 });
            std::thread::sleep(down);
            primary.start_again().unwrap();
        }
        writing.join().unwrap()
    });
    eprintln!(
        "{} done, {} not done, {} unknown; late by {:.0} ms at most, down for {:.0} ms at most; {:#?}",
        known.done.len(),
        known.not_done.len(),
        known.unknown.len(),
        known.late_ms,
        known.down_ms,
        known.errors
    );
    assert!(known.late_ms <= GRACE_MS, "{} ms after its deadline", known.late_ms);
    site.wait_replicated();
    assert_true(&known, &tokens(primary));
    assert_eq!(tokens(replica), tokens(primary));
    assert!(writes(replica));
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stderr, reason = "the figures are for people")]
fn when_its_own_litefs_stops_or_dies_a_replica_says_so_and_recovers_by_itself() {
    let site = Site::start(2, APP);
    let mut settings = site.settings(1);
    settings.timeout_ms = 1_500;
    let primary = site.app(site.settings(0)).unwrap();
    let replica = &site.app(settings).unwrap();
    replica.call::<usize>("execute", TOKENS).unwrap();
    for dies in [false, true] {
        // The writers use the same tokens in both.
        replica.call::<usize>("execute", "DELETE FROM tokens").unwrap();
        let known = std::thread::scope(|scope| {
            let what = WriteOn { writers: 4, millis: 4_000, timeout_ms: 600 };
            let writing = scope.spawn(move || replica.call::<Known>("write_on", &what).unwrap());
            let before = tokens(&primary).len();
            wait::until(PATIENCE, || if tokens(&primary).len() > before { Ok(()) } else { Err("no writes") })
                .unwrap();
            if dies {
                site.cluster.crash_litefs(1).unwrap();
            } else {
                // Its mount may be busy, for the application has files open.
                site.cluster.stop_litefs(1).unwrap();
            }
            writing.join().unwrap()
        });
        eprintln!(
            "dies {dies}: {} done, late by {:.0} ms; {:#?}",
            known.done.len(),
            known.late_ms,
            known.errors
        );
        assert!(!known.errors.is_empty());
        assert!(known.late_ms <= GRACE_MS, "{} ms after its deadline", known.late_ms);
        let error = replica
            .call::<Option<i64>>("number", "SELECT count(*) AS n FROM tokens")
            .unwrap_err()
            .to_string();
        assert!(error.contains("LiteFS"), "{error}");
        let down = |text: &str| text.contains("LiteFS on this node does not answer");
        assert!(known.errors.iter().any(|(text, _)| down(text)), "{:#?}", known.errors);
        assert_true(&known, &tokens(&primary));

        // Nothing is restarted but LiteFS; a dead mount is taken away as an operator would.
        site.cluster.unmount(1).unwrap();
        site.cluster.start_litefs(1).unwrap();
        site.cluster.wait_ready(1).unwrap();
        wait_role(replica, "replica");
        wait::until(PATIENCE, || if writes(replica) { Ok(()) } else { Err("it does not write again") })
            .unwrap();
        site.wait_replicated();
        wait::until(PATIENCE, || {
            let read = replica.call::<Vec<i64>>("tokens", ()).map_err(|error| error.to_string())?;
            if read == tokens(&primary) { Ok(()) } else { Err("it reads something else".to_owned()) }
        })
        .unwrap();
    }
    replica.stop().unwrap();
    assert!(site.cluster.stop_litefs(1).unwrap(), "nothing of the first lives is still open");
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
#[expect(clippy::print_stderr, reason = "the figures are for people")]
fn when_the_primarys_litefs_stops_or_dies_both_nodes_recover_by_themselves() {
    let site = Site::start(2, APP);
    let apps = site.apps();
    let [primary, replica] = &apps[..] else { panic!() };
    replica.call::<usize>("execute", TOKENS).unwrap();
    for dies in [false, true] {
        replica.call::<usize>("execute", "DELETE FROM tokens").unwrap();
        let known = std::thread::scope(|scope| {
            let what = WriteOn { writers: 4, millis: 5_000, timeout_ms: 600 };
            let writing = scope.spawn(move || replica.call::<Known>("write_on", &what).unwrap());
            wait::until(PATIENCE, || if tokens(replica).len() > 20 { Ok(()) } else { Err("no writes") })
                .unwrap();
            if dies {
                site.cluster.crash_litefs(0).unwrap();
            } else {
                site.cluster.stop_litefs(0).unwrap();
            }
            site.cluster.unmount(0).unwrap();
            site.cluster.start_litefs(0).unwrap();
            writing.join().unwrap()
        });
        eprintln!(
            "dies {dies}: {} done, {} not done, {} unknown, late by {:.0} ms, down for {:.0} ms; {:#?}",
            known.done.len(),
            known.not_done.len(),
            known.unknown.len(),
            known.late_ms,
            known.down_ms,
            known.errors
        );
        assert!(known.late_ms <= GRACE_MS, "{} ms after its deadline", known.late_ms);
        wait_role(primary, "primary");
        for app in [replica, primary] {
            wait::until(PATIENCE, || if writes(app) { Ok(()) } else { Err("it does not write again") })
                .unwrap();
        }
        site.wait_replicated();
        // LiteFS itself may lose or keep what was under way (it syncs before it answers).
        assert_eq!(tokens(replica), tokens(primary));
        assert_true(&known, &tokens(primary));
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn while_its_own_litefs_hangs_each_write_of_a_replica_ends_by_its_deadline() {
    let site = Site::start(2, APP);
    let apps = site.apps();
    let [primary, replica] = &apps[..] else { panic!() };
    replica.call::<usize>("execute", TOKENS).unwrap();
    let known = std::thread::scope(|scope| {
        let what = WriteOn { writers: 4, millis: 3_000, timeout_ms: 600 };
        let writing = scope.spawn(move || replica.call::<Known>("write_on", &what).unwrap());
        wait::until(PATIENCE, || if tokens(primary).len() > 20 { Ok(()) } else { Err("no writes") }).unwrap();
        site.cluster.pause(1).unwrap();
        let known = writing.join().unwrap();
        site.cluster.resume(1).unwrap();
        known
    });
    assert!(known.late_ms <= GRACE_MS, "{} ms after its deadline; {:#?}", known.late_ms, known.errors);
    assert!(!known.errors.is_empty());
    wait::until(PATIENCE, || if writes(replica) { Ok(()) } else { Err("it does not write again") }).unwrap();
    site.wait_replicated();
    assert_true(&known, &tokens(replica));
}
