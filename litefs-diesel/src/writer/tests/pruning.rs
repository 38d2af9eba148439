//! What the ledger takes away again, and its clock.

use super::*;
use crate::request::{Ask, Stamp};

/// Writes by itself, with all before it forgotten.
async fn write_on(caller: &Caller, name: &str) {
    let stamp = caller.stamp();
    let text = format!("INSERT OR REPLACE INTO t VALUES (1, '{name}')");
    caller.run(Stamp { forgotten: stamp.id.sequence - 1, ..stamp }, request(&[&text])).await.unwrap();
}

#[tokio::test]
async fn what_is_below_the_watermark_is_taken_away_and_the_watermark_stays() {
    let bench = bench_on(true, |repo| repo);
    for i in 0..600 {
        write_on(&bench.writer, &i.to_string()).await;
        let rows = if i % 100 == 0 { bench.rows("__litefs_diesel_writes") } else { 0 };
        assert!(rows <= 130, "{rows} rows after {i} writes");
    }
    let late = bench.another().run(bench.writer.stamped(5), insert("late")).await;
    assert_eq!(late, Err(Refusal::Late));
}

#[tokio::test]
async fn what_may_still_be_asked_for_stays() {
    let bench = bench_on(true, |repo| repo);
    let oldest = bench.writer.stamp();
    bench.writer.run(oldest, insert("oldest")).await.unwrap();
    for i in 2..=300 {
        bench.writer.run(bench.writer.stamp(), insert(&i.to_string())).await.unwrap();
    }
    let there = bench.another();
    assert!(there.run(Stamp { again: true, ..oldest }, insert("oldest")).await.is_ok());
    assert_eq!(bench.names().len(), 300);
}

#[tokio::test]
async fn a_client_that_vanished_leaves_nothing() {
    let short = Duration::from_millis(50);
    let bench = bench_on(true, |repo| {
        let calls = repo.timeout(short).transaction_idle(short).transaction_total(short);
        calls.remember(short / 5).ledger_keep(short)
    });
    let (gone, stamp) = (bench.writer.client(2), bench.writer.client(2).stamp());
    gone.run(stamp, insert("gone")).await.unwrap();
    write_on(&bench.writer, "on").await;
    assert_eq!(bench.rows("__litefs_diesel_clients"), 2);
    let limit = Instant::now() + Duration::from_secs(20);
    while bench.rows("__litefs_diesel_clients") > 1 {
        assert!(Instant::now() < limit, "it is still there");
        write_on(&bench.writer, "on").await;
    }
    let its = "SELECT COUNT(*) FROM __litefs_diesel_writes WHERE id >> 44 NOT IN \
               (SELECT alias FROM __litefs_diesel_clients)";
    assert_eq!(bench.number(its), 0);
    // What it asks now is nobody's: an attempt that sat in a socket does not run.
    let late = gone.ask(stamp, Ask::Run(insert("late"))).await;
    assert!(matches!(late, Err(Refusal::UnknownClient { .. })), "{late:?}");
    // The one that wrote all the while is still known.
    bench.writer.ask(bench.writer.stamp(), Ask::Run(insert("known"))).await.unwrap();
}

#[tokio::test]
async fn the_clock_goes_on_from_what_is_stored_and_ages_nobody() {
    let bench = bench_on(true, |repo| repo);
    let quiet = bench.writer.client(2);
    quiet.run(quiet.stamp(), insert("quiet")).await.unwrap();
    bench.change("UPDATE __litefs_diesel_ledger SET clock = 5000000");
    bench.change("UPDATE __litefs_diesel_clients SET seen = 5000000");
    let clock = || bench.number("SELECT clock FROM __litefs_diesel_ledger");
    let another = bench.another();
    let limit = Instant::now() + Duration::from_secs(20);
    while clock() == 5_000_000 {
        assert!(Instant::now() < limit, "no round in 20 s");
        write_on(&another, "on").await;
    }
    assert!((5_000_001..5_060_000).contains(&clock()), "{}", clock());
    assert_eq!(bench.rows("__litefs_diesel_clients"), 2);
}
