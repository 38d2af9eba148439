//! A node that holds as many requests as it may.

use super::*;
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
