//! A client that never reads.

use std::time::Instant;

use super::*;
use crate::server::replies::Ready;

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

/// Somebody's answer, for which there was room.
fn waits(node: &TestNode) -> Ready<Data> {
    node.budget.replies.line().ready(Ok(Reply::Begun), 0)
}

#[tokio::test]
async fn a_writes_answer_always_has_room() {
    let bench = Bench::start(LimitSettings { reply_bytes: 1, ..LimitSettings::default() }).await;
    let _waits = waits(&bench.node);
    let client = connect(&bench.node).await;
    ask(&client, write("INSERT INTO t (a) VALUES (1)")).await.unwrap();
    let returning = |bytes| {
        let sql = format!("INSERT INTO t (a) VALUES (zeroblob({bytes})) RETURNING a");
        writes(vec![Statement { want: Want::Rows, ..plain(&sql) }])
    };
    ask(&client, returning(500)).await.unwrap();
    let large = ask(&client, returning(2_000)).await;
    assert!(matches!(large, Err(Refusal::NotDecoded { .. })), "{large:?}");
}

/// What a refusal says holds words of whoever is refused.
#[tokio::test]
async fn refusals_are_short_whatever_they_were_asked() {
    use crate::request::{ProcedureCall, Work};
    let long = "x".repeat(MIB);
    let select = format!("SELECT {long}");
    let Request::Write { repo, mut request } = writes(vec![]) else { unreachable!() };
    let call = ProcedureCall { name: long.clone(), version: 1, args: vec![] };
    request.to_mut().ask = Ask::Run(Write { work: Work::Call(call), ..Write::of(vec![]) });
    let refused = [
        Request::Read { repo: long.clone().into(), statement: Cow::Owned(plain("SELECT 1")) },
        Request::Write { repo, request },
        read(&select),
        write(&select),
        begin(1),
        Request::Step { transaction: 1, statement: Cow::Owned(plain(&select)) },
    ];
    for (reply_bytes, longest) in [(1, 1_100), (4 * MIB, 4_200)] {
        let bench = Bench::start(LimitSettings { reply_bytes, ..LimitSettings::default() }).await;
        let _waits = waits(&bench.node);
        let mut raw = Raw::connect(&bench.node).await;
        for (id, request) in refused.iter().enumerate() {
            raw.call(id as u64, request).await;
            let frame = tokio::time::timeout(PATIENCE, raw.0.next()).await.unwrap().unwrap().unwrap();
            assert!(frame.len() < longest, "{id}: {} bytes", frame.len());
        }
    }
}
