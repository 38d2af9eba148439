//! Who gets to a served node: over TLS and the hello, and who does not.

use tokio_util::either::Either;

use super::*;
use crate::rpc::identity::testing::{Authority, Followed, by_secret, secret};
use crate::rpc::identity::{IdentityError, Stream};

/// Says hello over TLS, as the node of this name.
pub(super) async fn greet(
    node: &TestNode,
    by: &Transport,
    me: &Identity,
    purpose: Purpose,
) -> Result<Stream<TcpStream>, Box<dyn std::error::Error>> {
    greet_on(TcpStream::connect(node.addr).await?, by, me, purpose).await
}

/// The same on a connection that was made.
pub(super) async fn greet_on(
    stream: TcpStream,
    by: &Transport,
    me: &Identity,
    purpose: Purpose,
) -> Result<Stream<TcpStream>, Box<dyn std::error::Error>> {
    stream.set_nodelay(true)?;
    let (mut stream, _session) = by.connect(stream, vec![], in_ms(20_000)).await?;
    match hello::greet(&mut stream, me, purpose, in_ms(20_000)).await {
        Err(HelloError::Io(error)) => Err(match IdentityError::behind(&error) {
            Some(refused) => refused.into(),
            None => error.into(),
        }),
        greeted => Ok(greeted.map(|_| stream)?),
    }
}

pub(super) async fn call_by<S: Service>(
    node: &TestNode,
    by: &Transport,
    me: &Identity,
    purpose: Purpose,
) -> Client<S> {
    let stream = greet(node, by, me, purpose).await.unwrap();
    let (client, driver) = Client::new(stream, MAX_FRAME);
    tokio::spawn(driver);
    client
}

pub(super) async fn secured(by: Transport) -> TestNode {
    TestNode::secured(by, LimitSettings::default(), identity("eu")).await
}

#[tokio::test]
async fn with_an_identity_any_address_may_be_listened_on() {
    let shared = by_secret(&secret(), "shop");
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let bound = bind(listen.parse().unwrap(), &shared).await;
        assert!(bound.is_ok(), "{:?}", bound.err());
    }
}

#[tokio::test]
async fn calls_of_both_connections_run_over_tls() {
    let shared = by_secret(&secret(), "shop");
    let node = secured(shared.clone()).await;
    let me = identity("eu");
    let data: Client<Data> = call_by(&node, &shared, &me, Purpose::Data).await;
    assert!(matches!(ask(&data, write("INSERT")).await, Ok(Reply::Written(_))));
    let control: Client<Control> = call_by(&node, &shared, &me, Purpose::Control).await;
    let watch = Message::new(&Ask::Watch { seen: 0, epoch: 0 });
    assert!(matches!(control.call(watch, in_ms(20_000)).await, Ok(Answer::View(_))));
}

#[tokio::test]
async fn what_is_sent_is_not_to_be_read_on_the_way_and_waits_for_nothing() {
    let shared = by_secret(&secret(), "shop");
    let node = secured(shared.clone()).await;
    let stream = greet(&node, &shared, &identity("eu"), Purpose::Data).await.unwrap();
    let Either::Right(tls) = &stream else { panic!("plain text") };
    assert!(tls.get_ref().0.nodelay().unwrap());
}

#[tokio::test]
async fn whoever_has_another_secret_gets_nothing_run() {
    let one = secret();
    let node = secured(by_secret(&one, "shop")).await;
    let other = secret();
    // It would take this node for one of its own; the node does not take it.
    let stranger = by_secret(&format!("{other}\n{one}"), "shop");
    let refused = greet(&node, &stranger, &identity("eu"), Purpose::Data).await.err().unwrap();
    assert!(refused.to_string().contains("did not accept"), "{refused}");
    assert_eq!(node.fake.log(), [""; 0]);
}

#[tokio::test]
async fn plain_text_to_a_tls_port_is_refused_and_says_what_to_set() {
    let shared = by_secret(&secret(), "shop");
    let node = secured(shared.clone()).await;
    let refused = connect_as::<Data>(&node, &identity("eu"), Purpose::Data).await.err().unwrap();
    assert!(refused.is_refusal() && refused.to_string().contains("cluster.secret_file"), "{refused}");
    assert_eq!(node.fake.log(), [""; 0]);
    let client: Client<Data> = call_by(&node, &shared, &identity("eu"), Purpose::Data).await;
    assert!(ask(&client, write("INSERT")).await.is_ok());
}

#[tokio::test]
async fn tls_to_a_plain_text_port_fails_and_harms_nobody() {
    let node = TestNode::start(Role::Primary).await;
    let shared = by_secret(&secret(), "shop");
    let refused = greet(&node, &shared, &identity("eu"), Purpose::Data).await.err().unwrap();
    assert!(refused.to_string().contains("TLS"), "{refused}");
    let client = connect(&node).await;
    assert!(ask(&client, write("INSERT")).await.is_ok());
}

#[tokio::test]
async fn a_node_that_says_the_name_of_another_is_refused() {
    let authority = Authority::new();
    let me = identity("eu");
    let node = secured(authority.node("node-served")).await;
    let named = |name: &str| Identity { node: name.to_owned(), ..me.clone() };
    let by = authority.node("ams");
    let call = |me: Identity| {
        let (by, node) = (by.clone(), &node);
        async move {
            let stream = TcpStream::connect(node.addr).await.unwrap();
            let names = vec!["node-served".to_owned()];
            let (mut stream, _) = by.connect(stream, names, in_ms(20_000)).await.unwrap();
            hello::greet(&mut stream, &me, Purpose::Data, in_ms(20_000)).await.unwrap();
            let (client, driver) = Client::<Data>::new(stream, MAX_FRAME);
            tokio::spawn(driver);
            client.call(Message::new(&write("INSERT")), in_ms(20_000)).await
        }
    };
    let refused = call(named("ord")).await;
    assert!(matches!(refused, Err(Failure::Lost(_) | Failure::NotSent(_))), "{refused:?}");
    assert_eq!(node.fake.log(), [""; 0]);
    assert!(matches!(call(named("ams")).await, Ok(Reply::Written(_))));
}

#[tokio::test]
async fn dropping_a_secret_ends_what_it_opened_and_nothing_else() {
    let (old, new) = (secret(), secret());
    let kept = Followed::with_secret(&format!("{new}\n{old}"));
    let node = secured(kept.transport.clone()).await;
    let by_old = by_secret(&format!("{old} {new}"), "shop");
    let before: Client<Data> = call_by(&node, &by_old, &identity("eu"), Purpose::Data).await;
    let after: Client<Data> = call_by(&node, &by_secret(&new, "shop"), &identity("eu"), Purpose::Data).await;
    ask(&before, begin(1)).await.unwrap();
    kept.put_secret(&new).await;
    tokio::time::timeout(PATIENCE, before.retired()).await.expect("it ends");
    node.fake.logged("dropped transaction").await;
    assert!(matches!(ask(&after, write("INSERT")).await, Ok(Reply::Written(_))));
}

/// What runs when the node presents something new is answered; the next goes out on a new connection.
#[tokio::test]
async fn presenting_a_new_secret_lets_what_runs_end() {
    let (old, new) = (secret(), secret());
    let kept = Followed::with_secret(&format!("{old}\n{new}"));
    let node = secured(kept.transport.clone()).await;
    let client: Client<Data> = call_by(&node, &by_secret(&old, "shop"), &identity("eu"), Purpose::Data).await;
    let running = ask(&client, write("wait"));
    let rest = async {
        node.fake.logged("running wait").await;
        kept.put_secret(&format!("{new}\n{old}")).await;
        tokio::time::timeout(PATIENCE, client.retired()).await.expect("it is told to go");
        node.fake.permits.add_permits(1);
    };
    let (answered, ()) = tokio::join!(running, rest);
    assert!(matches!(answered, Ok(Reply::Written(_))), "{answered:?}");
}
