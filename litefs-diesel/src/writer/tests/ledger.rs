//! What the ledger says of a write that comes again.

use super::*;
use crate::request::{Ask, Stamp, WriteRequest};

fn again(stamp: Stamp) -> Stamp {
    Stamp { again: true, ..stamp }
}

/// An insert that gives its row back.
fn returning(name: &str) -> Write {
    let text = format!("INSERT INTO t (name) VALUES ('{name}') RETURNING id, name");
    Write::of(vec![Statement { want: Want::Rows, ..sql(&text) }])
}

/// Holds the writer, so that what is asked meanwhile makes one group.
async fn together(bench: &Bench, asks: Vec<(Stamp, Ask)>) -> Vec<Result<Written, Refusal>> {
    let held = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    let calls: Vec<_> = asks.into_iter().map(|(stamp, ask)| bench.writer.ask(stamp, ask)).collect();
    held.rollback(terms().deadline).await.unwrap();
    futures::future::join_all(calls).await
}

fn rejection(result: Result<Written, Refusal>) -> String {
    match result {
        Err(Refusal::Rejected(error)) => error.message,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

#[tokio::test]
async fn a_write_that_is_there_gives_its_first_result_and_does_not_run_again() {
    let bench = bench_on(true, |repo| repo);
    let stamp = bench.writer.stamp();
    let first = bench.writer.run(stamp, returning("a")).await.unwrap();
    let second = bench.writer.run(again(stamp), returning("a")).await.unwrap();
    assert_eq!(first.outcomes, second.outcomes);
    assert!(second.position.txid >= first.position.txid, "its position has the write");
    assert_eq!(bench.names(), ["a"]);
    // Without anything that this process remembers, too.
    let third = bench.another().run(again(stamp), returning("a")).await.unwrap();
    assert_eq!(first.outcomes, third.outcomes);
}

#[tokio::test]
async fn an_id_that_was_used_for_another_request_is_refused() {
    let bench = bench_on(true, |repo| repo);
    let stamp = bench.writer.stamp();
    bench.writer.run(stamp, insert("a")).await.unwrap();
    let other = bench.writer.run(Stamp { hash: 8, ..stamp }, insert("b")).await;
    assert_eq!(other, Err(Refusal::OtherRequest));
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test]
async fn another_attempt_in_the_same_group_joins_the_first() {
    let bench = bench_on(true, |repo| repo);
    let (stamp, bad) = (bench.writer.stamp(), bench.writer.stamp());
    let nowhere = || Ask::Run(request(&["INSERT INTO nowhere VALUES (1)"]));
    let asks = vec![
        (stamp, Ask::Run(returning("a"))),
        (again(stamp), Ask::Run(returning("a"))),
        (Stamp { hash: 8, ..stamp }, Ask::Run(insert("b"))),
        (stamp, Ask::Look),
        (bad, nowhere()),
        (again(bad), nowhere()),
    ];
    let results = together(&bench, asks).await;
    // Not their positions: what comes late to a group is in the next one.
    let outcomes = |at: usize| results[at].as_ref().unwrap().outcomes.clone();
    assert_eq!(outcomes(0), outcomes(1));
    assert_eq!(results[2], Err(Refusal::OtherRequest));
    assert_eq!(outcomes(0), outcomes(3));
    assert_eq!(rejection(results[4].clone()), "no such table: nowhere");
    assert_eq!(results[4], results[5]);
    assert_eq!(bench.names(), ["a"]);
    // The second one of these might have had a third before it.
    bench.change("CREATE TABLE nowhere (a)");
    assert_eq!(bench.writer.ask(bad, nowhere()).await, results[4]);
}

#[tokio::test]
async fn a_rejection_blocks_a_late_first_attempt_when_there_may_be_one() {
    let bench = bench_on(true, |repo| repo);
    let orphan = || request(&["INSERT INTO child VALUES (500)"]);
    let cases = [("UNIQUE", "a"), ("the bomb", "bomb")];
    bench.writer.run(bench.writer.stamp(), insert("a")).await.unwrap();
    for (says, name) in cases {
        let write = || insert(name);
        for before in [false, true] {
            let stamp = bench.writer.stamp();
            let asks = match before {
                // With a neighbour, so that it is not alone in its transaction.
                true => vec![
                    (bench.writer.stamp(), Ask::Run(insert(&format!("before {says}")))),
                    (again(stamp), Ask::Run(write())),
                ],
                false => vec![(again(stamp), Ask::Run(write()))],
            };
            let rejected = together(&bench, asks).await.pop().unwrap();
            assert!(rejection(rejected.clone()).contains(says), "{rejected:?}");
            bench.change("DELETE FROM t WHERE name = 'a'; DROP TRIGGER bomb");
            // What would succeed now had been promised not to.
            assert_eq!(bench.writer.run(stamp, write()).await, rejected);
            bench.change(BOMB);
            bench.writer.run(bench.writer.stamp(), insert("a")).await.unwrap();
        }
    }
    let stamp = bench.writer.stamp();
    let rejected = bench.writer.run(again(stamp), orphan()).await;
    assert!(rejection(rejected.clone()).contains("FOREIGN KEY"), "{rejected:?}");
    bench.change("INSERT INTO t VALUES (500, 'parent')");
    assert_eq!(bench.writer.run(stamp, orphan()).await, rejected);
}

#[tokio::test]
async fn a_rejection_of_a_first_attempt_leaves_nothing_behind() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.run(bench.writer.stamp(), insert("a")).await.unwrap();
    let (stamp, entries) = (bench.writer.stamp(), bench.rows("__litefs_diesel_writes"));
    rejection(bench.writer.run(stamp, insert("a")).await);
    assert_eq!(bench.rows("__litefs_diesel_writes"), entries);
    bench.change("DELETE FROM t");
    bench.writer.run(stamp, insert("a")).await.unwrap();
}

#[tokio::test]
async fn a_write_that_was_settled_as_absent_never_runs() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.register().await;
    let stamp = bench.writer.stamp();
    assert_eq!(bench.writer.ask(stamp, Ask::Look).await, Err(Refusal::Absent));
    assert_eq!(bench.writer.ask(Stamp { hash: 0, ..stamp }, Ask::Settle).await, Err(Refusal::Absent));
    assert_eq!(bench.writer.run(stamp, insert("late")).await, Err(Refusal::Late));
    assert_eq!(bench.another().run(stamp, insert("late")).await, Err(Refusal::Late));
    assert_eq!(bench.writer.ask(stamp, Ask::Settle).await, Err(Refusal::Absent), "as often as asked");
    // In one group, in both orders.
    let (early, late) = (bench.writer.stamp(), bench.writer.stamp());
    let results = together(
        &bench,
        vec![
            (early, Ask::Run(insert("early"))),
            (early, Ask::Settle),
            (late, Ask::Settle),
            (late, Ask::Run(insert("late"))),
        ],
    )
    .await;
    assert_eq!(results[0].as_ref().unwrap().outcomes, results[1].as_ref().unwrap().outcomes);
    assert_eq!(results[2..], [Err(Refusal::Absent), Err(Refusal::Late)]);
    assert_eq!(bench.names(), ["early"]);
}

#[tokio::test]
async fn to_settle_or_look_at_what_is_there_gives_its_result() {
    let bench = bench_on(true, |repo| repo);
    let stamp = bench.writer.stamp();
    assert_eq!(bench.writer.ask(stamp, Ask::Look).await, Err(Refusal::Absent), "of an unknown client");
    let written = bench.writer.run(stamp, returning("a")).await.unwrap();
    let question = Stamp { hash: 0, ..stamp };
    for ask in [Ask::Look, Ask::Settle] {
        assert_eq!(bench.writer.ask(question, ask).await.unwrap().outcomes, written.outcomes);
    }
}

#[tokio::test]
async fn what_is_at_or_below_the_watermark_is_late() {
    let bench = bench_on(true, |repo| repo);
    let stamps: Vec<_> = (0..5).map(|_| bench.writer.stamp()).collect();
    bench.writer.run(stamps[0], insert("first")).await.unwrap();
    bench.writer.run(Stamp { forgotten: 2, ..stamps[2] }, insert("third")).await.unwrap();
    // One that ran and one that never did.
    for late in [stamps[0], stamps[1]] {
        assert_eq!(bench.writer.run(late, insert("late")).await, Err(Refusal::Late));
    }
    // An older frame does not take it back.
    bench.writer.run(Stamp { forgotten: 0, ..stamps[3] }, insert("fourth")).await.unwrap();
    assert_eq!(bench.writer.run(stamps[1], insert("late")).await, Err(Refusal::Late));
    // And it is written down with the entries.
    assert_eq!(bench.another().run(stamps[1], insert("late")).await, Err(Refusal::Late));
    assert_eq!(bench.names(), ["first", "third", "fourth"]);
}

#[tokio::test]
async fn a_result_that_is_too_large_is_told_once_and_then_as_done() {
    let bench = bench_on(true, |repo| repo.ledger_result(100));
    let stamp = bench.writer.stamp();
    let large = || returning(&"x".repeat(200));
    let first = bench.writer.run(stamp, large()).await.unwrap();
    assert_eq!(first.outcomes[0].count, 1);
    let second = bench.writer.run(again(stamp), large()).await;
    assert!(matches!(second, Err(Refusal::NotKept { .. })), "{second:?}");
    let bytes: i64 = bench.number("SELECT MAX(LENGTH(entries)) FROM __litefs_diesel_writes");
    assert!(bytes < 100, "{bytes} bytes");
}

#[tokio::test]
async fn what_another_process_wrote_is_seen() {
    let bench = bench_on(true, |repo| repo);
    let there = bench.another();
    bench.writer.run(bench.writer.stamp(), insert("here")).await.unwrap();
    let stamp = bench.writer.stamp();
    there.run(stamp, insert("there")).await.unwrap();
    // Here it was absent when it was last looked at.
    assert!(bench.writer.run(again(stamp), insert("there")).await.is_ok());
    assert_eq!(bench.names(), ["here", "there"]);
}

#[tokio::test]
async fn without_litefs_there_is_no_ledger_and_a_second_attempt_does_not_run() {
    let bench = bench(|repo| repo);
    let stamp = bench.writer.stamp();
    bench.writer.run(stamp, insert("a")).await.unwrap();
    let second = bench.writer.run(again(stamp), insert("b")).await;
    assert_eq!(second, Err(Refusal::NoLedger));
    for question in [Ask::Settle, Ask::Look] {
        assert_eq!(bench.writer.ask(again(stamp), question).await, Err(Refusal::NoLedger));
    }
    assert_eq!(bench.number("SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE '\\_\\_%' ESCAPE '\\'"), 0);
}

#[tokio::test]
async fn an_unknown_client_is_refused_before_anything_runs() {
    let bench = bench_on(true, |repo| repo);
    let stamp = bench.writer.stamp();
    let refused = bench.writer.ask(stamp, Ask::Run(insert("a"))).await;
    let Err(Refusal::UnknownClient { ticket }) = refused else { panic!("{refused:?}") };
    let begun = bench
        .writer
        .writer
        .begin(stamp.id, Begin::Immediate, Session::default(), terms().deadline.into())
        .await;
    assert!(matches!(begun.map(drop), Err(Refusal::UnknownClient { .. })));
    let settled = bench.writer.ask(stamp, Ask::Settle).await;
    assert!(matches!(settled, Err(Refusal::UnknownClient { .. })), "{settled:?}");
    assert!(bench.names().is_empty());
    // Its register frame says where it is.
    let register = Stamp { forgotten: 3, ..bench.writer.stamped(4) };
    bench.writer.ask(register, Ask::Register { ticket }).await.unwrap();
    assert_eq!(bench.writer.ask(bench.writer.stamped(3), Ask::Run(insert("late"))).await, Err(Refusal::Late));
    bench.writer.ask(bench.writer.stamped(4), Ask::Run(insert("a"))).await.unwrap();
    // Again, with an older one: it changes nothing.
    bench.writer.ask(bench.writer.stamped(1), Ask::Register { ticket }).await.unwrap();
    assert_eq!(bench.writer.ask(bench.writer.stamped(3), Ask::Run(insert("late"))).await, Err(Refusal::Late));
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test]
async fn an_old_ticket_registers_nobody() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.client(9).register().await;
    let stamp = bench.writer.stamp();
    let refused = bench.writer.ask(stamp, Ask::Run(insert("a"))).await;
    let Err(Refusal::UnknownClient { ticket: old }) = refused else { panic!("{refused:?}") };
    bench.change("UPDATE __litefs_diesel_ledger SET clock = clock + 60000");
    for ticket in [old, u64::MAX] {
        let refused = bench.writer.ask(stamp, Ask::Register { ticket }).await;
        let Err(Refusal::UnknownClient { ticket: fresh }) = refused else { panic!("{refused:?}") };
        assert!(fresh >= 60_000, "{fresh} after {old}");
    }
    assert_eq!(bench.rows("__litefs_diesel_clients"), 1);
    bench.writer.run(stamp, insert("a")).await.unwrap();
}

#[tokio::test]
async fn a_newer_ledger_is_left_alone() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.run(bench.writer.stamp(), insert("a")).await.unwrap();
    bench.change("UPDATE __litefs_diesel_ledger SET version = 2");
    let refused = bench.writer.run(bench.writer.stamp(), insert("b")).await;
    assert!(matches!(&refused, Err(Refusal::Unavailable(why)) if why.contains("version 2")), "{refused:?}");
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test]
async fn a_request_of_a_batch_that_comes_again_is_found_by_each_of_its_neighbours() {
    let bench = bench_on(true, |repo| repo);
    let stamps: Vec<_> = (0..6).map(|_| bench.writer.stamp()).collect();
    let batch = |text: &str| Write::of(vec![Statement { want: Want::Batch, ..sql(text) }]);
    let writes = || {
        [
            insert("a"),
            batch("INSERT INTO t (name) VALUES ('b'); INSERT INTO t (name) VALUES ('c')"),
            insert("d"),
            batch("INSERT INTO t (name) VALUES ('e'); SELECT RAISE(ROLLBACK, 'x')"),
            insert("f"),
            batch("INSERT INTO t (name) VALUES ('bomb')"),
        ]
    };
    let asks = || stamps.iter().copied().zip(writes().map(Ask::Run)).collect::<Vec<_>>();
    let expected = [true, true, true, false, true, false];
    let first = together(&bench, asks()).await;
    assert_eq!(first.iter().map(Result::is_ok).collect::<Vec<_>>(), expected, "{first:?}");
    let second = together(&bench, asks()).await;
    assert_eq!(second.iter().map(Result::is_ok).collect::<Vec<_>>(), expected, "{second:?}");
    assert_eq!(bench.names(), ["a", "b", "c", "d", "f"]);
}

/// The writer's own part: [`Caller`] registers by itself.
#[tokio::test]
async fn the_same_request_may_be_sent_to_the_writer_as_it_is() {
    let bench = bench_on(true, |repo| repo);
    bench.writer.register().await;
    let request = WriteRequest { stamp: bench.writer.stamp(), ask: Ask::Run(insert("a")) };
    let (first, second) = (
        bench.writer.writer.write(request.clone(), terms().deadline.into()),
        bench.writer.writer.write(request, terms().deadline.into()),
    );
    assert_eq!(first.await.unwrap().outcomes, second.await.unwrap().outcomes);
    assert_eq!(bench.names(), ["a"]);
}
