//! The server over real connections, with a writer in memory behind it.

mod accept;
mod bounds;
mod descriptors;
mod identity;
mod idle;
mod litefs_cluster;
mod refused;
mod requests;
mod secrets;
mod speed;

use std::borrow::Cow;
use std::time::Duration;

use tokio::net::TcpStream;

use super::testing::{
    PATIENCE, TestNode, full, identity, in_ms, replica_of, stamp, statement, unique, write_request,
};
use super::{BindError, bind};
use crate::config::LimitSettings;
use crate::error::Bound;
use crate::litefs::Role;
use crate::request::{Begin, Refusal, RequestId};
use crate::rpc::Service;
use crate::rpc::client::{Client, Failure, Message};
use crate::rpc::control::{Answer, Ask, Control, View};
use crate::rpc::data::{Data, Reply, Request};
use crate::rpc::hello::{self, HelloError, Identity, Purpose};
use crate::rpc::identity::Transport;
use crate::rpc::wire::MAX_FRAME;
use crate::statement::Session;

async fn connect_as<S: Service>(
    node: &TestNode,
    identity: &Identity,
    purpose: Purpose,
) -> Result<Client<S>, HelloError> {
    let mut stream = TcpStream::connect(node.addr).await?;
    hello::greet(&mut stream, identity, purpose, in_ms(20_000)).await?;
    let (client, driver) = Client::new(stream, MAX_FRAME);
    tokio::spawn(driver);
    Ok(client)
}

async fn connect(node: &TestNode) -> Client<Data> {
    connect_as(node, &identity("eu"), Purpose::Data).await.unwrap()
}

async fn ask(client: &Client<Data>, request: Request<'_>) -> Result<Reply, Refusal> {
    match client.call(Message::new(&request), in_ms(20_000)).await {
        Ok(reply) => Ok(reply),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other:?}"),
    }
}

fn write(sql: &str) -> Request<'static> {
    Request::Write { repo: "Repo".into(), request: Cow::Owned(write_request(sql)) }
}

fn begin(transaction: u64) -> Request<'static> {
    Request::Begin {
        repo: "Repo".into(),
        id: RequestId { client: 1, sequence: transaction },
        begin: Begin::Immediate,
        session: Session::default(),
        transaction,
    }
}

fn commit_of(transaction: u64) -> Request<'static> {
    Request::Commit { transaction, stamp: stamp(RequestId { client: 1, sequence: transaction }) }
}

fn step(transaction: u64, sql: &str) -> Request<'static> {
    Request::Step { transaction, statement: Cow::Owned(statement(sql)) }
}

#[tokio::test]
async fn only_loopback_may_be_listened_on_in_plain_text() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:7117"] {
        let error = bind(listen.parse().unwrap(), &Transport::Plain).await.unwrap_err();
        assert!(matches!(error, BindError::NotLoopback(_)), "{error}");
        assert!(error.to_string().contains("`cluster.listen`"), "{error}");
    }
    let taken = bind("127.0.0.1:0".parse().unwrap(), &Transport::Plain).await.unwrap();
    let again = bind(taken.local_addr().unwrap(), &Transport::Plain).await;
    assert!(matches!(again, Err(BindError::Bind { .. })));
}

#[tokio::test]
async fn a_write_is_run_and_answered() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    let reply = ask(&client, write("INSERT")).await.unwrap();
    assert!(matches!(reply, Reply::Written(written) if written.position.txid == 1));
    assert_eq!(node.fake.log(), ["INSERT"]);
    assert_eq!(ask(&client, write("reject")).await, Err(Refusal::Rejected(unique())));
    assert_eq!(ask(&client, write("overload")).await, Err(Refusal::Overloaded(full())));
    let read = Request::Read { repo: "Repo".into(), statement: Cow::Owned(statement("SELECT")) };
    assert!(matches!(ask(&client, read).await, Ok(Reply::Read(outcome)) if outcome.count == 42));
}

#[tokio::test]
async fn who_is_not_primary_says_who_is() {
    let node = TestNode::start(replica_of("b")).await;
    let client = connect(&node).await;
    let hint = Some("b".to_owned());
    assert_eq!(ask(&client, write("INSERT")).await, Err(Refusal::NotPrimary { hint: hint.clone() }));
    assert_eq!(ask(&client, begin(1)).await, Err(Refusal::NotPrimary { hint }));
    node.set_role(Role::NoLeader);
    assert_eq!(ask(&client, write("INSERT")).await, Err(Refusal::NotPrimary { hint: None }));
    node.set_role(Role::Primary);
    assert_eq!(ask(&client, write("no leader")).await, Err(Refusal::NotPrimary { hint: None }));
    assert!(node.fake.log().iter().all(|line| line != "INSERT"));
}

#[tokio::test]
async fn a_repo_that_is_not_served_is_refused_by_name() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    let request = Request::Write { repo: "Audit".into(), request: Cow::Owned(write_request("INSERT")) };
    assert_eq!(ask(&client, request).await, Err(Refusal::UnknownRepo("Audit".into())));
}

#[tokio::test]
async fn a_dropped_call_drops_what_runs_for_it() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    let mut call = Box::pin(ask(&client, write("hang")));
    tokio::select! {
        _ = &mut call => panic!("nobody answers"),
        () = node.fake.logged("running hang") => {}
    }
    drop(call);
    node.fake.logged("dropped hang").await;
    assert!(ask(&client, write("INSERT")).await.is_ok());
}

#[tokio::test]
async fn what_runs_for_a_lost_connection_is_dropped() {
    let node = TestNode::start(Role::Primary).await;
    let mut stream = TcpStream::connect(node.addr).await.unwrap();
    hello::greet(&mut stream, &identity("eu"), Purpose::Data, in_ms(20_000)).await.unwrap();
    let (client, driver) = Client::<Data>::new(stream, MAX_FRAME);
    let driver = tokio::spawn(driver);
    ask(&client, begin(1)).await.unwrap();
    tokio::select! {
        _ = ask(&client, write("hang")) => panic!("nobody answers"),
        () = node.fake.logged("running hang") => driver.abort(),
    }
    node.fake.logged("dropped hang").await;
    node.fake.logged("dropped transaction").await;
}

#[tokio::test]
async fn the_word_that_a_write_expired_is_back_before_its_caller_gives_up() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    let expired = client.call(Message::new(&write("expire")), in_ms(800)).await;
    assert!(matches!(expired, Err(Failure::Refused(Refusal::Expired))), "{expired:?}");
}

#[tokio::test]
async fn a_transaction_runs_its_steps_and_commits() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    assert_eq!(ask(&client, begin(7)).await, Ok(Reply::Begun));
    assert!(matches!(ask(&client, begin(7)).await, Err(Refusal::Refused(_))));
    let Ok(Reply::Step(first)) = ask(&client, step(7, "INSERT")).await else { panic!("no step") };
    assert!(first.open && first.result.is_ok() && first.session.changes == 1);
    let Ok(Reply::Step(refused)) = ask(&client, step(7, "refuse")).await else { panic!("no step") };
    assert!(refused.open && refused.result == Err(unique()));
    ask(&client, step(7, "defer")).await.unwrap();
    let commit = || commit_of(7);
    assert_eq!(ask(&client, commit()).await, Ok(Reply::NotCommitted(unique())));
    assert!(matches!(ask(&client, commit()).await, Ok(Reply::Committed(_))));
    assert!(matches!(ask(&client, commit()).await, Err(Refusal::TransactionEnded(_))));
    assert_eq!(node.fake.log(), ["begin", "INSERT", "refuse", "defer", "commit"]);
}

#[tokio::test]
async fn a_transaction_that_a_statement_ends_is_gone() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    ask(&client, begin(1)).await.unwrap();
    let Ok(Reply::Step(last)) = ask(&client, step(1, "end")).await else { panic!("no step") };
    assert!(!last.open);
    assert!(matches!(ask(&client, step(1, "INSERT")).await, Err(Refusal::TransactionEnded(_))));
}

#[tokio::test]
async fn a_rollback_is_answered_with_the_session() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    ask(&client, begin(1)).await.unwrap();
    ask(&client, step(1, "INSERT")).await.unwrap();
    let Ok(Reply::RolledBack(session)) = ask(&client, Request::Rollback { transaction: 1 }).await else {
        panic!("no rollback")
    };
    assert_eq!(session.changes, 1);
    assert_eq!(node.fake.log(), ["begin", "INSERT", "rollback"]);
}

#[tokio::test]
async fn a_step_that_is_given_up_ends_its_transaction() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    ask(&client, begin(1)).await.unwrap();
    tokio::select! {
        _ = ask(&client, step(1, "hang")) => panic!("nobody answers"),
        () = node.fake.logged("running hang") => {}
    }
    node.fake.logged("dropped transaction").await;
    assert!(matches!(ask(&client, step(1, "INSERT")).await, Err(Refusal::TransactionEnded(_))));
}

#[tokio::test]
async fn a_rollback_right_behind_a_begin_leaves_nothing_open() {
    let node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    let waits = Request::Begin {
        repo: "Repo".into(),
        id: RequestId { client: 1, sequence: 1 },
        begin: Begin::Immediate,
        session: Session { changes: -1, ..Session::default() },
        transaction: 1,
    };
    let rolled_back = async {
        let answer = ask(&client, Request::Rollback { transaction: 1 }).await;
        node.fake.permits.add_permits(1);
        answer
    };
    let (begun, rolled_back) = tokio::join!(ask(&client, waits), rolled_back);
    assert!(matches!(begun, Err(Refusal::TransactionEnded(_))), "{begun:?}");
    assert!(matches!(rolled_back, Err(Refusal::TransactionEnded(_))), "{rolled_back:?}");
    node.fake.logged("dropped transaction").await;
}

#[tokio::test]
async fn a_connection_has_a_limited_number_of_transactions() {
    let limits = LimitSettings { transactions_per_connection: 2, ..LimitSettings::default() };
    let node = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let client = connect(&node).await;
    ask(&client, begin(1)).await.unwrap();
    ask(&client, begin(2)).await.unwrap();
    let bound = Bound::new("limits.transactions_per_connection", 2);
    assert_eq!(ask(&client, begin(3)).await, Err(Refusal::Overloaded(bound)));
    ask(&client, Request::Rollback { transaction: 1 }).await.unwrap();
    ask(&client, begin(3)).await.unwrap();
}

#[tokio::test]
async fn a_call_over_the_limit_is_refused_at_once() {
    let limits = LimitSettings { requests_per_connection: 1, ..LimitSettings::default() };
    let node = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let client = connect(&node).await;
    tokio::select! {
        _ = ask(&client, write("hang")) => panic!("nobody answers"),
        () = async {
            node.fake.logged("running hang").await;
            let bound = Bound::new("limits.requests_per_connection", 1);
            assert_eq!(ask(&client, write("INSERT")).await, Err(Refusal::Overloaded(bound)));
        } => {}
    }
}

#[tokio::test]
async fn a_node_of_another_cluster_is_not_served() {
    let node = TestNode::start(Role::Primary).await;
    let refused = connect_as::<Data>(&node, &identity("us"), Purpose::Data).await;
    assert!(matches!(refused, Err(HelloError::Cluster { .. })));
}

#[tokio::test]
async fn shutdown_answers_what_runs_and_begins_nothing() {
    let mut node = TestNode::start(Role::Primary).await;
    let client = connect(&node).await;
    ask(&client, begin(1)).await.unwrap();
    let running = ask(&client, write("wait"));
    let rest = async {
        node.fake.logged("running wait").await;
        node.shutdown.cancel();
        tokio::time::timeout(PATIENCE, client.retired()).await.unwrap();
        assert_eq!(ask(&client, write("INSERT")).await, Err(Refusal::ShuttingDown));
        assert_eq!(ask(&client, begin(2)).await, Err(Refusal::ShuttingDown));
        // What is open may end.
        assert!(matches!(ask(&client, commit_of(1)).await, Ok(Reply::Committed(_))));
        node.fake.permits.add_permits(1);
    };
    let (answered, ()) = tokio::join!(running, rest);
    assert!(matches!(answered, Ok(Reply::Written(_))), "{answered:?}");
    drop(client);
    node.stop().await;
    assert!(TcpStream::connect(node.addr).await.is_err(), "it still listens");
}

#[tokio::test]
async fn shutdown_drops_what_does_not_end_in_time() {
    let limits = LimitSettings { drain: Duration::from_millis(50), ..LimitSettings::default() };
    let mut node = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let client = connect(&node).await;
    ask(&client, begin(1)).await.unwrap();
    let call = client.call(Message::new(&write("hang")), in_ms(20_000));
    let fake = std::sync::Arc::clone(&node.fake);
    let (called, ()) = tokio::join!(call, async {
        fake.logged("running hang").await;
        node.stop().await;
    });
    assert!(matches!(called, Err(Failure::Lost(_))), "{called:?}");
    fake.logged("dropped hang").await;
    fake.logged("dropped transaction").await;
}

#[tokio::test]
async fn a_watch_returns_when_something_changes_and_a_report_is_kept() {
    let node = TestNode::start(Role::Primary).await;
    let me = identity("eu");
    let client: Client<Control> = connect_as(&node, &me, Purpose::Control).await.unwrap();
    let watch = |seen, epoch| client.call(Message::new(&Ask::Watch { seen, epoch }), in_ms(20_000));
    let Ok(Answer::View(first)) = watch(0, 0).await else { panic!("no view") };
    assert_eq!((first.version, &first.role), (1, &Role::Primary));
    let (second, ()) = tokio::join!(watch(1, 1), async { node.set_role(replica_of("b")) });
    assert!(matches!(second, Ok(Answer::View(view)) if view.version == 2 && view.primary() == Some("b")));
    let over = client.call(Message::new(&Ask::Watch { seen: 2, epoch: 2 }), in_ms(400)).await;
    assert!(matches!(over, Ok(Answer::View(view)) if view.version == 2));

    let report = |version| View { version, ..first.clone() };
    for version in [5, 4] {
        let noted = client.call(Message::new(&Ask::Report(report(version))), in_ms(20_000)).await;
        assert!(matches!(noted, Ok(Answer::Noted)));
    }
    assert_eq!(node.member.heard(&me.node), Some(report(5)));
}
