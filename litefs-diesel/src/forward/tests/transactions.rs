//! Transactions that are open on another node.

use super::*;

#[tokio::test]
async fn a_transaction_runs_on_the_primary_and_is_visible_when_it_commits() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let mut transaction = asking.begin().await;
    for sql in ["INSERT", "defer"] {
        assert!(transaction.run(statement(sql), in_ms(20_000)).await.unwrap().open);
    }
    let refused = transaction.run(statement("refuse"), in_ms(20_000)).await.unwrap();
    assert_eq!(refused.result, Err(unique()));
    let Err(CommitFailure::StillOpen(transaction, error)) = transaction.commit(within(20_000)).await else {
        panic!("a deferred violation did not keep it open")
    };
    assert_eq!(error, unique());
    let Ok(written) = transaction.commit(within(20_000)).await else { panic!("no commit") };
    assert_eq!(*asking.sees.waited.lock(), [written.position]);
    assert_eq!(primary.fake.log(), ["begin", "INSERT", "defer", "refuse", "commit"]);
}

#[tokio::test]
async fn a_transaction_that_cannot_go_everywhere_is_refused_before_it_begins() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    *asking.sees.refused.lock() = Some(NotExecuted::NotEverywhere("`b` is not heard any more".into()));
    let terms = Terms { ack: Ack::Everywhere, ..within(20_000) };
    let Err(error) = asking.router.begin(Begin::Immediate, Session::default(), terms).await else {
        panic!("it has begun")
    };
    assert!(matches!(error, Error::NotExecuted(NotExecuted::NotEverywhere(_))), "{error:?}");
    assert!(primary.fake.log().is_empty(), "{:?}", primary.fake.log());
    asking.router.begin(Begin::Immediate, Session::default(), within(20_000)).await.unwrap();
}

#[tokio::test]
async fn a_rollback_gives_the_session_back() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let mut transaction = asking.begin().await;
    transaction.run(statement("INSERT"), in_ms(20_000)).await.unwrap();
    assert_eq!(transaction.rollback(in_ms(20_000)).await.unwrap().changes, 1);
    assert_eq!(primary.fake.log(), ["begin", "INSERT", "rollback"]);
}

#[tokio::test]
async fn a_dropped_transaction_is_rolled_back() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    drop(asking.begin().await);
    primary.fake.logged("rollback").await;
}

#[tokio::test]
async fn a_begin_that_is_given_up_leaves_nothing_open() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let waits = Session { changes: -1, ..Session::default() };
    tokio::select! {
        _ = asking.router.begin(Begin::Immediate, waits, within(20_000)) => panic!("nobody answers"),
        () = primary.fake.logged("running wait") => {}
    }
    primary.fake.logged("dropped wait").await;
    drop(asking.begin().await);
    primary.fake.logged("rollback").await;
}

#[tokio::test]
async fn a_step_that_is_given_up_ends_the_transaction() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let mut transaction = asking.begin().await;
    tokio::select! {
        _ = transaction.run(statement("hang"), in_ms(20_000)) => panic!("nobody answers"),
        () = primary.fake.logged("running hang") => {}
    }
    primary.fake.logged("dropped transaction").await;
    let error = transaction.run(statement("INSERT"), in_ms(20_000)).await.unwrap_err();
    assert!(matches!(error, Error::NotExecuted(NotExecuted::TransactionEnded(_))), "{error}");
}

#[tokio::test]
async fn a_transaction_that_a_statement_ends_is_not_rolled_back_again() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let mut transaction = asking.begin().await;
    assert!(!transaction.run(statement("end"), in_ms(20_000)).await.unwrap().open);
    let Err(CommitFailure::Ended(error)) = transaction.commit(within(20_000)).await else { panic!("open") };
    assert!(matches!(error, Error::NotExecuted(NotExecuted::TransactionEnded(_))), "{error}");
    assert_eq!(primary.fake.log(), ["begin", "end"]);
}

#[tokio::test]
async fn a_lost_connection_ends_the_transaction_and_keeps_nothing() {
    let limits = LimitSettings { drain: Duration::from_millis(10), ..LimitSettings::default() };
    let mut primary = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let mut transaction = asking.begin().await;
    primary.stop().await;
    primary.fake.logged("dropped transaction").await;
    let error = transaction.run(statement("INSERT"), in_ms(20_000)).await.unwrap_err();
    assert!(matches!(error, Error::NotExecuted(NotExecuted::TransactionEnded(_))), "{error}");
    let Err(CommitFailure::Ended(error)) = transaction.commit(within(20_000)).await else { panic!("open") };
    assert!(matches!(error, Error::NotExecuted(NotExecuted::TransactionEnded(_))), "{error}");
}

#[tokio::test]
async fn a_commit_that_does_not_become_visible_says_where_it_is() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let transaction = asking.begin().await;
    asking.sees.ends.lock().push(NotVisible::Yet);
    let Err(CommitFailure::Ended(error)) = transaction.commit(within(20_000)).await else {
        panic!("visible")
    };
    assert!(matches!(error, Error::CommittedNotVisible { .. }), "{error}");
    assert_eq!(primary.fake.log(), ["begin", "commit"]);
}
