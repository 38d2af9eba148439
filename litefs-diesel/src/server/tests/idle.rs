//! Connections that nothing uses.

use tokio::io::AsyncReadExt;

use super::*;

async fn with_idle(idle: Duration) -> TestNode {
    let limits = LimitSettings { idle, ..LimitSettings::default() };
    TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await
}

async fn told_to_go<S: Service>(client: &Client<S>) {
    tokio::time::timeout(PATIENCE, client.retired()).await.expect("it is told to go");
}

#[tokio::test]
async fn a_connection_that_nothing_uses_is_told_to_go_and_what_is_on_its_way_is_answered() {
    let node = with_idle(Duration::from_millis(50)).await;
    let client = connect(&node).await;
    assert!(ask(&client, write("INSERT")).await.is_ok());
    told_to_go(&client).await;
    // As one that chose this connection just before.
    assert!(ask(&client, write("INSERT")).await.is_ok());
    assert!(ask(&connect(&node).await, write("INSERT")).await.is_ok());
}

#[tokio::test]
async fn what_runs_and_what_is_open_keeps_its_connection() {
    let node = with_idle(Duration::from_millis(20)).await;
    let (running, open, other) = (connect(&node).await, connect(&node).await, connect(&node).await);
    ask(&open, begin(1)).await.unwrap();
    let written = ask(&running, write("wait"));
    let rest = async {
        node.fake.logged("running wait").await;
        for _ in 0..3 {
            told_to_go(&connect(&node).await).await;
        }
        assert!(other.retirement().is_cancelled(), "it was there all the time");
        for used in [&running, &open] {
            assert!(!used.retirement().is_cancelled());
        }
        node.fake.permits.add_permits(1);
    };
    let (written, ()) = tokio::join!(written, rest);
    assert!(matches!(written, Ok(Reply::Written(_))), "{written:?}");
    assert!(matches!(ask(&open, commit_of(1)).await, Ok(Reply::Committed(_))));
    told_to_go(&running).await;
    told_to_go(&open).await;
}

#[tokio::test]
async fn a_control_connection_is_in_use_while_its_peer_watches() {
    let node = with_idle(Duration::from_millis(20)).await;
    let client: Client<Control> = connect_as(&node, &identity("eu"), Purpose::Control).await.unwrap();
    let watch = client.call(Message::new(&Ask::Watch { seen: 1, epoch: 1 }), in_ms(20_000));
    let rest = async {
        for _ in 0..3 {
            told_to_go(&connect(&node).await).await;
        }
        assert!(!client.retirement().is_cancelled());
        node.set_role(replica_of("b"));
    };
    let (seen, ()) = tokio::join!(watch, rest);
    assert!(matches!(seen, Ok(Answer::View(_))), "{seen:?}");
}

#[tokio::test]
async fn one_that_is_told_to_go_and_does_not_is_closed() {
    let limits = LimitSettings {
        idle: Duration::from_millis(20),
        drain: Duration::from_millis(20),
        ..LimitSettings::default()
    };
    let node = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let mut stream = TcpStream::connect(node.addr).await.unwrap();
    hello::greet(&mut stream, &identity("eu"), Purpose::Data, in_ms(20_000)).await.unwrap();
    let mut said = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("an end");
    closed.unwrap();
    assert_eq!(said, [0, 0, 0, 1, 1], "a goodbye, and nothing else");
}
