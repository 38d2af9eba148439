//! A node that holds as many requests as it may, and a client that goes on all the same.

use tokio::io::AsyncWriteExt;
use tokio_util::bytes::{BufMut, BytesMut};

use super::super::refused::{counting, refused};
use super::replies::until;
use super::*;
use crate::rpc::client::MAX_IN_FLIGHT;
use crate::rpc::control;

#[tokio::test]
async fn a_node_full_of_data_calls_still_tells_and_hears_who_is_there() {
    let bench = Bench::start(LimitSettings { requests: 1, ..LimitSettings::default() }).await;
    let other = connect(&bench.node).await;
    // Everybody waits for this one.
    ask(&other, begin(1)).await.unwrap();
    let mut raw = Raw::connect(&bench.node).await;
    raw.call(1, &write("INSERT INTO t (a) VALUES (1)")).await;
    raw.call(2, &read("SELECT 1")).await;
    assert!(matches!(raw.answer_to(2).await, Err(Refusal::Overloaded(_))), "it is not full");
    let client = connect_as::<Control>(&bench.node, &identity("eu"), Purpose::Control).await.unwrap();
    let watch = control::Ask::Watch { seen: 0, epoch: 0 };
    let control::Answer::View(view) = client.call(Message::new(&watch), in_ms(1000)).await.unwrap() else {
        panic!("no view")
    };
    let report = client.call(Message::new(&control::Ask::Report(view)), in_ms(5000)).await;
    assert!(matches!(report, Ok(control::Answer::Noted)), "{report:?}");
}

#[tokio::test]
async fn a_client_that_asks_on_and_on_and_never_reads_is_cut_off() {
    let (counted, _counting) = counting();
    // What it does not take is not what ends it here.
    let limits = LimitSettings { reply_timeout: Duration::from_secs(600), ..LimitSettings::default() };
    let bench = Bench::start(limits).await;
    let mut raw = Raw::connect(&bench.node).await;
    // No further answer leaves.
    for id in 0..32 {
        raw.call(id, &read("SELECT zeroblob(1048576) AS a")).await;
    }
    until(|| bench.node.budget.reply_bytes() > 16 << 20).await;
    let body = postcard::to_allocvec(&Request::Rollback { transaction: 7 }).unwrap();
    let mut frames = BytesMut::new();
    for id in 0..2 * MAX_IN_FLIGHT as u64 + 1 {
        let head = Up::Call { id: 1000 + id, deadline_ms: 600_000, trace: Trace::default() };
        let head = postcard::to_allocvec(&head).unwrap();
        frames.put_u32((head.len() + body.len()) as u32);
        frames.put_slice(&head);
        frames.put_slice(&body);
    }
    let _ = raw.0.get_mut().write_all(&frames).await;
    refused(&counted, "calls_unanswered", 1).await;
    // It has none of them any more, and others go on.
    until(|| bench.node.budget.reply_bytes() == 0).await;
    ask(&connect(&bench.node).await, write("INSERT INTO t (a) VALUES (1)")).await.unwrap();
}
