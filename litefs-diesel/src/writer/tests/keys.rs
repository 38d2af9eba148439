//! The application's own names for writes.

use super::*;
use crate::request::{Ask, Key, Stamp};

fn keyed(name: &str, hash: u8, keep: Duration, write: Write) -> Write {
    Write { key: Some(Key { name: name.into(), hash: [hash; 16], keep }), ..write }
}

const HOUR: Duration = Duration::from_secs(3_600);

fn returning(name: &str) -> Write {
    let text = format!("INSERT INTO t (name) VALUES ('{name}') RETURNING id");
    Write::of(vec![Statement { want: Want::Rows, ..sql(&text) }])
}

#[tokio::test]
async fn a_key_that_comes_again_gives_the_first_result_with_ledger_and_without() {
    for replicated in [true, false] {
        let bench = bench_on(replicated, |repo| repo);
        let write = || keyed("order-1", 1, HOUR, returning("a"));
        let first = bench.writer.run(bench.writer.stamp(), write()).await.unwrap();
        // Of the same process, of another, and after a restart of the primary.
        let other = bench.writer.client(2);
        let restarted = bench.another().client(3);
        for caller in [&bench.writer, &other, &restarted] {
            let stamp = caller.stamp();
            let second = caller.run(stamp, write()).await.unwrap();
            assert_eq!(first.outcomes, second.outcomes);
            // Its own id has it, too.
            if replicated {
                let found = caller.ask(Stamp { again: true, ..stamp }, Ask::Look).await;
                assert_eq!(found.unwrap().outcomes, first.outcomes);
            }
        }
        let reused = bench.writer.run(bench.writer.stamp(), keyed("order-1", 2, HOUR, returning("b"))).await;
        assert_eq!(reused, Err(Refusal::KeyReused { key: "order-1".into() }));
        bench.writer.run(bench.writer.stamp(), keyed("order-2", 2, HOUR, returning("b"))).await.unwrap();
        assert_eq!(bench.names(), ["a", "b"]);
    }
}

#[tokio::test]
async fn one_key_twice_in_a_group_runs_once() {
    let bench = bench_on(true, |repo| repo);
    let write = |hash| keyed("order", hash, HOUR, returning("a"));
    let mut results = grouped(&bench, vec![write(1), write(1), write(2), insert("b")]).await.into_iter();
    let first = results.next().unwrap().unwrap();
    assert_eq!(first.outcomes, results.next().unwrap().unwrap().outcomes);
    assert!(matches!(results.next(), Some(Err(Error::KeyReused { .. }))));
    results.next().unwrap().unwrap();
    assert_eq!(bench.names(), ["a", "b"]);
}

/// The neighbour that has it is not committed yet, and may never be.
#[tokio::test]
async fn that_a_key_is_reused_is_told_after_the_commit_on_which_it_depends() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.register().await;
    let held = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    // LiteFS does not take what is committed.
    bench.role.held.store(true, Ordering::SeqCst);
    let ask = |again, hash| {
        let stamp = Stamp { again, ..bench.writer.stamp() };
        bench.writer.ask(stamp, Ask::Run(keyed("order", hash, HOUR, returning("a"))))
    };
    let (first, second, again) = (ask(false, 1), ask(false, 2), ask(true, 3));
    held.rollback(terms().deadline).await.unwrap();
    let (first, second, again) = tokio::join!(first, second, again);
    assert!(matches!(first, Err(Refusal::Unknown(_))), "{first:?}");
    for reused in [second, again] {
        assert!(matches!(reused, Err(Refusal::Unavailable(_))), "{reused:?}");
    }
}

#[tokio::test]
async fn that_a_key_was_reused_is_told_to_every_attempt_when_the_key_is_gone_too() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.run(bench.writer.stamp(), keyed("order", 1, HOUR, returning("a"))).await.unwrap();
    let stamp = bench.writer.stamp();
    let reuse = |again| bench.writer.run(Stamp { again, ..stamp }, keyed("order", 2, HOUR, returning("b")));
    let reused = Err(Refusal::KeyReused { key: "order".into() });
    assert_eq!(reuse(true).await, reused);
    bench.change("DELETE FROM __litefs_diesel_keys");
    // The first attempt comes late, and another one whose answer was lost.
    for again in [false, true] {
        assert_eq!(reuse(again).await, reused);
    }
    assert_eq!(bench.names(), ["a"]);
    let looked = bench.writer.ask(stamp, Ask::Look).await;
    assert_eq!(looked, reused);
}

#[tokio::test]
async fn what_was_rejected_leaves_its_key_free() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.run(bench.writer.stamp(), insert("a")).await.unwrap();
    let refused = bench.writer.run(bench.writer.stamp(), keyed("order", 1, HOUR, insert("a"))).await;
    assert!(matches!(refused, Err(Refusal::Rejected(_))), "{refused:?}");
    bench.writer.run(bench.writer.stamp(), keyed("order", 2, HOUR, insert("b"))).await.unwrap();
}

#[tokio::test]
async fn a_key_is_free_after_its_time_and_leaves_nothing() {
    for replicated in [true, false] {
        let bench = bench_on(replicated, |repo| repo);
        for i in 0..20 {
            let write = keyed(&format!("short-{i}"), 1, Duration::ZERO, insert(&format!("n{i}")));
            bench.writer.run(bench.writer.stamp(), write).await.unwrap();
        }
        let kept = bench.rows("__litefs_diesel_keys");
        assert!(kept < 10, "{kept} keys");
        let last = keyed("short-19", 2, HOUR, insert("again"));
        bench.writer.run(bench.writer.stamp(), last).await.unwrap();
        // An hour of the ledger's clock.
        let expired = "SELECT COUNT(*) FROM __litefs_diesel_keys, __litefs_diesel_ledger \
                       WHERE expires - clock BETWEEN 3590000 AND 3660000";
        assert_eq!(bench.number(expired), 1);
    }
}
