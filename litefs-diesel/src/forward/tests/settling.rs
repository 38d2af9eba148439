//! Writes whose first attempt leaves them in doubt.

use super::*;
use crate::config::AcceptWrites;
use crate::request::Refusal;
use crate::rpc::identity::testing::{by_secret, secret};

fn quick() -> LimitSettings {
    LimitSettings { drain: Duration::from_millis(10), ..LimitSettings::default() }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_id_and_runs_nothing_twice() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    primary.fake.lose_answers.store(3, std::sync::atomic::Ordering::Relaxed);
    let written = asking.write("INSERT").await.unwrap();
    assert_eq!(written.position.txid, 1);
    assert_eq!(primary.fake.log(), ["INSERT", "found"]);
    let stamps = primary.fake.stamps.lock().clone();
    assert_eq!(stamps[0].id, stamps[1].id);
    assert_eq!((stamps[0].again, stamps[1].again), (false, true));
}

#[tokio::test]
async fn a_lost_answer_of_this_nodes_own_writer_is_asked_for_again() {
    let asking = Asking::start(Role::Primary, &[]);
    asking.local.lose_answers.store(1, std::sync::atomic::Ordering::Relaxed);
    asking.write("INSERT").await.unwrap();
    assert_eq!(asking.local.log(), ["INSERT", "found"]);
}

#[tokio::test]
async fn a_lost_connection_is_settled_by_the_next_primary_that_has_the_same_history() {
    let mut first = TestNode::start_with(Role::Primary, "127.0.0.1:0", quick(), identity("eu")).await;
    let fake = Arc::clone(&first.fake);
    let next =
        TestNode::start_on(fake, Role::Primary, "127.0.0.1:0", LimitSettings::default(), identity("eu"))
            .await;
    let asking = Asking::start(replica_of("a"), &[("a", &first), ("b", &next)]);
    let (written, ()) = tokio::join!(asking.write("wait"), async {
        next.fake.logged("running wait").await;
        first.stop().await;
        next.fake.permits.add_permits(1);
        asking.set_role(replica_of("b"));
    });
    written.unwrap();
    assert_eq!(next.fake.log(), ["running wait", "dropped wait", "running wait"]);
}

#[tokio::test]
async fn what_hangs_on_the_old_primary_is_asked_of_the_next_one_at_once() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    new.fake.permits.add_permits(1);
    let mut hanging = asking.begin().await;
    let (written, stepped, ()) =
        tokio::join!(asking.write("wait"), hanging.run(statement("hang"), in_ms(20_000)), async {
            old.fake.logged("running wait").await;
            old.fake.logged("running hang").await;
            asking.set_role(Role::NoLeader);
            asking.set_role(replica_of("b"));
        });
    written.unwrap();
    assert!(matches!(stepped, Err(Error::NotExecuted(NotExecuted::TransactionEnded(_)))), "{stepped:?}");
    assert_eq!(new.fake.log(), ["running wait"]);
    old.fake.logged("dropped wait").await;
}

#[tokio::test]
async fn a_write_that_never_ran_is_told_the_setting_of_a_next_primary_that_does_not_take_it() {
    let shared = by_secret(&secret(), "shop");
    let old = TestNode::secured(shared.clone(), LimitSettings::default(), identity("eu")).await;
    let new = TestNode::choosy(shared.clone(), AcceptWrites::None, identity("eu")).await;
    new.fake.forget_clients();
    let asking = Asking::secured(shared, &[("a", &old), ("b", &new)]);
    let (written, ()) = tokio::join!(asking.write("wait"), async {
        old.fake.logged("running wait").await;
        asking.set_role(replica_of("b"));
    });
    let error = written.unwrap_err();
    let tells = |why: &str| why.starts_with("b: ") && why.contains("`cluster.accept_writes`");
    assert!(matches!(&error, Error::NotExecuted(NotExecuted::Refused(why)) if tells(why)), "{error}");
    assert_eq!(new.fake.log(), ["registered", "settled"]);
}

#[tokio::test]
async fn a_refusal_after_an_attempt_that_may_have_run_is_not_the_answer() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let lost = Refusal::Unknown("lost".into());
    for later in
        [Refusal::Overloaded(full()), Refusal::Busy("locked".into()), Refusal::UnknownRepo("Repo".into())]
    {
        *primary.fake.refusals.lock() = vec![later.clone(), lost.clone()];
        asking.write("INSERT").await.unwrap();
        // Without the doubt, it is.
        *primary.fake.refusals.lock() = vec![later];
        assert!(matches!(asking.write("INSERT").await, Err(Error::NotExecuted(_))));
    }
    *primary.fake.refusals.lock() = [vec![Refusal::Overloaded(full()); 1000], vec![lost]].concat();
    let error = asking.write_within("INSERT", 300).await.unwrap_err();
    assert!(matches!(&error, Error::Unknown { why } if why.contains("lost")), "{error}");
}

#[tokio::test]
async fn where_no_ledger_can_tell_the_doubt_is_the_answer_at_once() {
    let asking = Asking::start(Role::Primary, &[]);
    *asking.local.refusals.lock() = vec![Refusal::NoLedger, Refusal::Unknown("the disk broke".into())];
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(matches!(&error, Error::Unknown { why } if why.contains("the disk broke")), "{error}");
    assert_eq!(asking.local.stamps.lock().len(), 2);
}

#[tokio::test]
async fn what_the_ledger_or_the_database_says_is_the_answer_after_a_doubt_too() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    *primary.fake.refusals.lock() = vec![Refusal::Unknown("lost".into())];
    assert!(matches!(asking.write("reject").await, Err(Error::Rejected(_))));
    let position = Position { txid: 3, checksum: 3 };
    *primary.fake.refusals.lock() = vec![Refusal::NotKept { position }, Refusal::Unknown("lost".into())];
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(matches!(error, Error::CommittedNotKept { .. }), "{error}");
}

/// A later attempt would find its client forgotten, and run it again.
#[tokio::test]
async fn no_write_takes_longer_than_the_ledger_keeps_its_client() {
    let short = Duration::from_millis(300);
    let set_up = |config: Config| {
        let calls = RepoConfig::default().timeout(short).transaction_idle(short).transaction_total(short);
        config.repo("Repo", calls.remember(short / 3).ledger_keep(short))
    };
    let primary = TestNode::start(Role::Primary).await;
    let table = BTreeMap::from([("a".to_owned(), primary.addr.to_string())]);
    let asking = Asking::start_with(Handle::current(), replica_of("a"), table, set_up);
    let loses_its_answer = Session { changes: 200, ..Session::default() };
    let begun = asking.router.begin(Begin::Immediate, loses_its_answer, within(20_000)).await;
    let Ok(transaction) = begun else { panic!("no transaction") };
    *primary.fake.refusals.lock() = vec![Refusal::Unknown("lost".into()); 1000];
    let start = Instant::now();
    let written = asking.write_within("INSERT", 20_000).await;
    assert!(matches!(written, Err(Error::Unknown { .. })), "{written:?}");
    let committed = transaction.commit(within(20_000)).await;
    assert!(matches!(committed, Err(CommitFailure::Ended(Error::Unknown { .. }))));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_unknown_client_registers_before_it_writes() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    primary.fake.forget_clients();
    asking.write("INSERT").await.unwrap();
    drop(asking.begin().await);
    primary.fake.logged("rollback").await;
    primary.fake.forget_clients();
    drop(asking.begin().await);
    let log = primary.fake.log();
    assert_eq!(log[..5], ["registered", "INSERT", "begin", "rollback", "registered"]);
}

#[tokio::test]
async fn after_a_role_change_the_ledger_of_this_nodes_file_tells_whether_it_is_visible() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    *asking.sees.recalled.lock() = Some(Recall::Present);
    asking.sees.ends.lock().push(NotVisible::HistoryChanged);
    asking.write("INSERT").await.unwrap();
    assert_eq!(primary.fake.log(), ["INSERT"]);
    // Not there: the primary is asked again, which has it, or runs it anew.
    for recalled in [Some(Recall::Absent), Some(Recall::Forgotten), None] {
        *asking.sees.recalled.lock() = recalled;
        asking.sees.ends.lock().push(NotVisible::HistoryChanged);
        asking.write("INSERT").await.unwrap();
    }
    assert_eq!(primary.fake.log().iter().filter(|line| *line == "found").count(), 3);
}

#[tokio::test]
async fn the_watermark_follows_the_writes_that_are_over() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    for _ in 0..3 {
        asking.write("INSERT").await.unwrap();
    }
    // Each was acknowledged, and is remembered until every node has it.
    let forgotten = || {
        let stamps = primary.fake.stamps.lock().clone();
        stamps.iter().map(|stamp| (stamp.id.sequence, stamp.forgotten)).collect::<Vec<_>>()
    };
    assert_eq!(forgotten(), [(1, 0), (2, 0), (3, 0)]);
    asking.sees.everywhere.store(true, std::sync::atomic::Ordering::Relaxed);
    let moved = async {
        while forgotten().last().is_some_and(|(_, forgotten)| *forgotten == 0) {
            asking.write("INSERT").await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, moved).await.unwrap();
    let (sequence, forgotten) = forgotten().pop().unwrap();
    assert!(forgotten >= 3 && forgotten < sequence, "{forgotten} of {sequence}");
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_looked_up() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let loses_its_answer = Session { changes: 200, ..Session::default() };
    let begun = asking.router.begin(Begin::Immediate, loses_its_answer, within(20_000)).await;
    let Ok(transaction) = begun else { panic!("no transaction") };
    let Ok(written) = transaction.commit(within(20_000)).await else { panic!("it is in the ledger") };
    assert_eq!(written.position.txid, 1);
    assert_eq!(primary.fake.log(), ["begin", "commit", "found"]);
}

#[tokio::test]
async fn a_commit_that_never_arrived_is_ended_for_good() {
    let mut first = TestNode::start_with(Role::Primary, "127.0.0.1:0", quick(), identity("eu")).await;
    let fake = Arc::clone(&first.fake);
    let next =
        TestNode::start_on(fake, Role::Primary, "127.0.0.1:0", LimitSettings::default(), identity("eu"))
            .await;
    let asking = Asking::start(replica_of("a"), &[("a", &first), ("b", &next)]);
    let slow_to_commit = Session { changes: 100, ..Session::default() };
    let begun = asking.router.begin(Begin::Immediate, slow_to_commit, within(20_000)).await;
    let Ok(transaction) = begun else { panic!("no transaction") };
    let (committed, ()) = tokio::join!(transaction.commit(within(20_000)), async {
        next.fake.logged("committing").await;
        first.stop().await;
        asking.set_role(replica_of("b"));
    });
    let Err(CommitFailure::Ended(error)) = committed else { panic!("it was never committed") };
    assert!(matches!(error, Error::NotExecuted(NotExecuted::TransactionEnded(_))), "{error}");
    next.fake.logged("settled").await;
}

#[tokio::test]
async fn a_commit_that_nobody_can_settle_by_the_deadline_is_unknown() {
    let mut primary = TestNode::start_with(Role::Primary, "127.0.0.1:0", quick(), identity("eu")).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let slow_to_commit = Session { changes: 100, ..Session::default() };
    let begun = asking.router.begin(Begin::Immediate, slow_to_commit, within(20_000)).await;
    let Ok(transaction) = begun else { panic!("no transaction") };
    let fake = Arc::clone(&primary.fake);
    let (committed, ()) = tokio::join!(transaction.commit(within(500)), async {
        fake.logged("committing").await;
        primary.stop().await;
    });
    let Err(CommitFailure::Ended(error)) = committed else { panic!("it cannot be known") };
    assert!(matches!(&error, Error::Unknown { why } if why.contains("COMMIT")), "{error}");
}

#[tokio::test]
async fn a_commit_that_a_failover_dropped_is_lost() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let is_dropped = Session { changes: 300, ..Session::default() };
    let begun = asking.router.begin(Begin::Immediate, is_dropped, within(20_000)).await;
    let Ok(transaction) = begun else { panic!("no transaction") };
    asking.sees.ends.lock().push(NotVisible::HistoryChanged);
    *asking.sees.recalled.lock() = Some(Recall::Absent);
    let Err(CommitFailure::Ended(error)) = transaction.commit(within(20_000)).await else { panic!("lost") };
    assert!(matches!(error, Error::Lost { .. }), "{error}");
    assert_eq!(primary.fake.log(), ["begin", "commit", "settled"]);
}
