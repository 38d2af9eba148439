//! A client that never reads.

use std::time::Instant;

use super::*;

/// An answer of a mebibyte.
fn large() -> Request<'static> {
    read("SELECT zeroblob(1048576) AS a")
}

const MIB: usize = 1 << 20;

/// Asks for that many, and reads nothing.
async fn asks(node: &TestNode, count: u64) -> Raw {
    let mut raw = Raw::connect(node).await;
    for id in 0..count {
        raw.call(id, &large()).await;
    }
    raw
}

/// Waits for a condition.
pub(super) async fn until(what: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < end, "it does not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_cut_off_when_its_answer_is_not_taken_in_time() {
    let limits = LimitSettings { reply_timeout: Duration::from_millis(500), ..LimitSettings::default() };
    let bench = Bench::start(limits).await;
    let other = connect(&bench.node).await;
    let mut raw = asks(&bench.node, 64).await;
    until(|| bench.node.budget.reply_bytes() > 8 * MIB).await;
    // Others are answered meanwhile.
    assert!(ask(&other, large()).await.is_ok());
    until(|| bench.node.budget.reply_bytes() == 0).await;
    // What the network has of it still comes, and then its end.
    let mut came = 0;
    while let Some(Ok(_)) = tokio::time::timeout(PATIENCE, raw.0.next()).await.expect("its end") {
        came += 1;
    }
    assert!(came < 64, "all were sent");
    assert!(ask(&other, large()).await.is_ok());
}

#[tokio::test]
async fn clients_that_never_read_take_no_more_than_the_bound_and_make_room_for_one_that_does() {
    let most = 8 * MIB;
    let bench = Bench::start(LimitSettings { reply_bytes: most, ..LimitSettings::default() }).await;
    let other = connect(&bench.node).await;
    let mut never = Vec::new();
    for _ in 0..4 {
        never.push(asks(&bench.node, 32).await);
    }
    let more = most + 4 * 32 * (1 << 10);
    let (mut highest, end) = (0, Instant::now() + PATIENCE);
    let mut answered = 0;
    // Told that there is no room, for a second at most; then those who do not read are cut off.
    while answered < 20 {
        assert!(Instant::now() < end, "nobody makes room");
        match ask(&other, large()).await {
            Ok(_) => answered += 1,
            Err(Refusal::Overloaded(bound)) => {
                assert_eq!(bound, Bound::new("limits.reply_bytes", most));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(other) => panic!("{other:?}"),
        }
        highest = highest.max(bench.node.budget.reply_bytes());
        // A write's answer is small, and always has room.
        ask(&other, write("INSERT INTO t (a) VALUES (1)")).await.unwrap();
    }
    assert!(highest <= more, "{highest} bytes");
}
