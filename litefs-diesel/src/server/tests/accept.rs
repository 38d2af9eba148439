//! Whose writes a node takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::config::AcceptWrites;
use crate::members::testing::process_of;
use crate::request::{Ask, Executor, Stamp, WriteRequest};
use crate::rpc::control;
use crate::rpc::identity::testing::{Authority, by_secret, secret};
use crate::server::testing::FakePrimary;

fn only(node: &str) -> AcceptWrites {
    AcceptWrites::From(BTreeSet::from([node.to_owned()]))
}

fn named(node: &str) -> Identity {
    Identity { node: node.to_owned(), process: process_of(node), ..identity("eu") }
}

/// Calls it over TLS, as a node that says it has this name.
async fn call(node: &TestNode, by: &Transport, name: &str) -> Client<Data> {
    let stream = TcpStream::connect(node.addr).await.unwrap();
    let (mut stream, _) = by.connect(stream, vec!["called".into()], in_ms(20_000)).await.unwrap();
    hello::greet(&mut stream, &named(name), Purpose::Data, in_ms(20_000)).await.unwrap();
    let (client, driver) = Client::new(stream, MAX_FRAME);
    tokio::spawn(driver);
    client
}

fn read() -> Request<'static> {
    Request::Read { repo: "Repo".into(), statement: Cow::Owned(statement("SELECT")) }
}

/// That it is told why, at once, and that nothing of it ran.
async fn is_barred(node: &TestNode, client: &Client<Data>, setting: &str) {
    for request in [write("INSERT"), begin(1)] {
        let Err(Refusal::Refused(why)) = ask(client, request).await else { panic!("it was not refused") };
        assert!(why.contains(&format!("setting `{setting}` of `called`")), "{why}");
    }
    // Nothing of a transaction is there either.
    assert!(matches!(ask(client, step(1, "INSERT")).await, Err(Refusal::TransactionEnded(_))));
    assert_eq!(node.fake.log(), [""; 0]);
}

#[tokio::test]
async fn a_node_takes_writes_of_those_that_it_names_by_their_certificates() {
    let authority = Authority::new();
    let node = TestNode::choosy(authority.node("called"), only("ams"), named("called")).await;
    let ord = call(&node, &authority.node("ord"), "ord").await;
    is_barred(&node, &ord, "cluster.accept_writes_from").await;
    // Saying the other's name does not help: it has another certificate, and is let in for nothing.
    let liar = call(&node, &authority.node("ord"), "ams").await;
    let lied = liar.call(Message::new(&write("INSERT")), in_ms(20_000)).await;
    assert!(matches!(lied, Err(Failure::Lost(_) | Failure::NotSent(_))), "{lied:?}");
    assert_eq!(node.fake.log(), [""; 0]);
    let ams = call(&node, &authority.node("ams"), "ams").await;
    assert!(matches!(ask(&ams, write("INSERT")).await, Ok(Reply::Written(_))));
    assert_eq!(ask(&ams, begin(1)).await, Ok(Reply::Begun));
}

/// With a shared secret the name is what a node says: a guard against mistakes only.
#[tokio::test]
async fn with_a_shared_secret_the_name_is_the_one_that_is_said() {
    let shared = by_secret(&secret(), "shop");
    let node = TestNode::choosy(shared.clone(), only("ams"), named("called")).await;
    is_barred(&node, &call(&node, &shared, "ord").await, "cluster.accept_writes_from").await;
    let says_ams = call(&node, &shared, "ams").await;
    assert!(matches!(ask(&says_ams, write("INSERT")).await, Ok(Reply::Written(_))));
}

#[tokio::test]
async fn a_node_that_takes_no_writes_answers_reads_and_control_and_what_became_of_a_write() {
    let shared = by_secret(&secret(), "shop");
    let node = TestNode::choosy(shared.clone(), AcceptWrites::None, named("called")).await;
    let ams = call(&node, &shared, "ams").await;
    is_barred(&node, &ams, "cluster.accept_writes").await;
    assert!(matches!(ask(&ams, read()).await, Ok(Reply::Read(_))));
    let id = RequestId { client: 1, sequence: 1 };
    for question in [Ask::Look, Ask::Settle] {
        let request = WriteRequest { stamp: stamp(id), ask: question };
        let request = Request::Write { repo: "Repo".into(), request: Cow::Owned(request) };
        assert_eq!(ask(&ams, request).await, Err(Refusal::Absent));
    }
    // One more attempt at what may have run: it does not run, and is told of what did.
    let again = |id| {
        let mut request = write_request("INSERT");
        request.stamp = Stamp { id, again: true, ..request.stamp };
        Request::Write { repo: "Repo".into(), request: Cow::Owned(request) }
    };
    let ended = ask(&ams, again(RequestId { client: 1, sequence: 2 })).await;
    let tells =
        |why: &str| why.contains("`ams`") && why.contains("setting `cluster.accept_writes` of `called`");
    assert!(matches!(&ended, Err(Refusal::NotTaken(why)) if tells(why)), "{ended:?}");
    // For that its process may register, and for nothing else.
    for again in [false, true] {
        let stamp = Stamp { again, ..stamp(RequestId { client: 1, sequence: 2 }) };
        let request = WriteRequest { stamp, ask: Ask::Register { ticket: 7 } };
        let registered =
            ask(&ams, Request::Write { repo: "Repo".into(), request: Cow::Owned(request) }).await;
        assert_eq!(registered.is_ok(), again, "{registered:?}");
    }
    let done = write_request("fast");
    let id = done.stamp.id;
    FakePrimary(Arc::clone(&node.fake)).write(done, in_ms(20_000).into()).await.unwrap();
    assert!(matches!(ask(&ams, again(id)).await, Ok(Reply::Written(_))));
    assert!(node.fake.log().iter().all(|line| line != "INSERT"));
    let stream = TcpStream::connect(node.addr).await.unwrap();
    let (mut stream, _) = shared.connect(stream, vec![], in_ms(20_000)).await.unwrap();
    hello::greet(&mut stream, &named("ams"), Purpose::Control, in_ms(20_000)).await.unwrap();
    let (control, driver) = Client::<Control>::new(stream, MAX_FRAME);
    tokio::spawn(driver);
    let watch = Message::new(&control::Ask::Watch { seen: 0, epoch: 0 });
    assert!(matches!(control.call(watch, in_ms(20_000)).await, Ok(Answer::View(_))));
    // Who is not primary sends it there, whoever asks.
    node.set_role(replica_of("ord"));
    assert_eq!(ask(&ams, write("INSERT")).await, Err(Refusal::NotPrimary { hint: Some("ord".into()) }));
}

/// The migrations tool beside a node counts as that node, and beside this one as this one.
#[tokio::test]
async fn a_guest_counts_as_the_node_beside_it() {
    let shared = by_secret(&secret(), "shop");
    let node = TestNode::choosy(shared.clone(), only("ams"), named("called")).await;
    for (guest, taken) in [("ams", true), ("called", true), ("ord", false)] {
        let client = call(&node, &shared, &format!("{guest} (litefs-migrate 7)")).await;
        assert_eq!(ask(&client, write("fast")).await.is_ok(), taken, "{guest}");
    }
}
