//! Acknowledged writes that a failover drops.

use super::*;
use crate::counted::Counted;
use crate::request::Refusal;

fn resubmits(config: Config) -> Config {
    config.resubmit_lost(true)
}

async fn told(asking: &Asking, writes: usize) -> Vec<LostWrite> {
    let told = async {
        while asking.sees.lost.lock().len() < writes {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("it was told");
    asking.sees.lost.lock().clone()
}

#[tokio::test]
async fn an_acknowledged_write_that_the_next_primary_does_not_have_is_told_once() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    let counted = Counted::default();
    let _counting = metrics::set_default_local_recorder(&counted);
    let position = asking.write("INSERT").await.unwrap().position;
    asking.set_role(replica_of("b"));
    let lost = told(&asking, 1).await;
    assert_eq!((lost[0].statement.as_str(), lost[0].position), ("INSERT", position));
    assert!(new.fake.log().is_empty(), "it was only looked up: {:?}", new.fake.log());
    // A further change finds nothing of it to tell: one after it is told, and it is not.
    asking.write("second").await.unwrap();
    asking.set_role(replica_of("a"));
    let lost = told(&asking, 2).await;
    assert_eq!(lost.iter().map(|lost| lost.statement.as_str()).collect::<Vec<_>>(), ["INSERT", "second"]);
    assert_eq!(counted.of("litefs_diesel_lost_writes Repo"), 2);
}

#[tokio::test]
async fn one_whose_wait_ended_after_the_role_had_changed_is_told() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    // As long as it waits to be visible, the primary changes; then it is told to be committed.
    asking.sees.ends.lock().push(NotVisible::Yet);
    asking.sees.hold.store(true, std::sync::atomic::Ordering::Relaxed);
    let (written, ()) = tokio::join!(asking.write("late"), async {
        old.fake.logged("late").await;
        while asking.sees.waited.lock().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        asking.set_role(replica_of("b"));
        asking.sees.hold.store(false, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(matches!(written, Err(Error::CommittedNotVisible { .. })), "{written:?}");
    assert_eq!(told(&asking, 1).await[0].statement, "late");
}

/// What a primary says of a write that is committed, and whose result it cannot give.
fn without_result(txid: u64) -> [Refusal; 2] {
    let position = Position { txid, checksum: txid };
    let why = "no room for the answer".to_owned();
    [Refusal::NotKept { position }, Refusal::NotDecoded { position, why }]
}

#[tokio::test]
async fn one_whose_result_is_gone_is_waited_for_and_told_like_any_other() {
    for refusal in without_result(7) {
        let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
        let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
        let expected = refusal.clone().into_error("a");
        *old.fake.refusals.lock() = vec![refusal];
        let error = asking.write("INSERT").await.unwrap_err();
        assert_eq!(error.to_string(), expected.to_string());
        let position = error.position().unwrap();
        assert_eq!((position.txid, asking.sees.waited.lock().clone()), (7, vec![position]));
        asking.set_role(replica_of("b"));
        let lost = told(&asking, 1).await;
        assert_eq!((lost[0].statement.as_str(), lost[0].position), ("INSERT", position));
    }
}

#[tokio::test]
async fn a_commit_whose_answer_has_no_room_is_told_like_any_other() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    let has_no_room = Session { changes: 400, ..Session::default() };
    let begun = asking.router.begin(Begin::Immediate, has_no_room, within(20_000)).await;
    let Ok(transaction) = begun else { panic!("no transaction") };
    let Err(CommitFailure::Ended(error)) = transaction.commit(within(20_000)).await else {
        panic!("no room")
    };
    assert!(matches!(error, Error::CommittedNotDecoded { .. }), "{error}");
    assert_eq!(asking.sees.waited.lock().first().copied(), error.position());
    asking.set_role(replica_of("b"));
    assert_eq!(told(&asking, 1).await[0].statement, "COMMIT");
}

/// A part of it may stand without its entry in the ledger: a procedure may have ended its transaction.
#[tokio::test]
async fn one_that_may_be_of_a_procedure_that_left_its_transaction_is_never_sent_again() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let table = [("a", &old), ("b", &new)].map(|(name, node)| (name.to_owned(), node.addr.to_string()));
    let asking = Asking::start_with(Handle::current(), replica_of("a"), table.into(), resubmits);
    let [not_kept, not_decoded] = without_result(7);
    *old.fake.refusals.lock() = vec![not_decoded];
    // The history changes before it is visible.
    asking.sees.ends.lock().push(NotVisible::HistoryChanged);
    let error = asking.write("INSERT").await.unwrap_err();
    assert!(matches!(error, Error::CommittedNotDecoded { .. }), "{error}");
    assert_eq!(old.fake.stamps.lock().len(), 1);
    // The other one is, for its entry is in its own commit.
    *old.fake.refusals.lock() = vec![not_kept];
    asking.sees.ends.lock().push(NotVisible::HistoryChanged);
    asking.write("again").await.unwrap();
    assert_eq!(old.fake.log(), ["again"]);
    asking.set_role(replica_of("b"));
    new.fake.logged("again").await;
    assert_eq!(told(&asking, 1).await[0].statement, "INSERT");
    assert_eq!(new.fake.log(), ["again"]);
}

#[tokio::test]
async fn one_that_the_next_primary_has_is_not_told() {
    let old = TestNode::start(Role::Primary).await;
    let fake = Arc::clone(&old.fake);
    let new =
        TestNode::start_on(fake, Role::Primary, "127.0.0.1:0", LimitSettings::default(), identity("eu"))
            .await;
    let other = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new), ("c", &other)]);
    asking.write("kept").await.unwrap();
    asking.set_role(replica_of("b"));
    new.fake.logged("found").await;
    // It goes on being remembered.
    asking.set_role(replica_of("c"));
    assert_eq!(told(&asking, 1).await[0].statement, "kept");
}

#[tokio::test]
async fn a_write_that_every_node_has_is_not_remembered() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    let everywhere = Terms { ack: Ack::Everywhere, ..within(20_000) };
    asking.router.write(write_of("everywhere"), everywhere).await.unwrap();
    asking.write("visible").await.unwrap();
    asking.set_role(replica_of("b"));
    assert_eq!(told(&asking, 1).await[0].statement, "visible");
}

#[tokio::test]
async fn with_resubmit_it_is_sent_again_under_its_own_id() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let table = [("a", &old), ("b", &new)].map(|(name, node)| (name.to_owned(), node.addr.to_string()));
    let asking = Asking::start_with(Handle::current(), replica_of("a"), table.into(), resubmits);
    let counted = Counted::default();
    let _counting = metrics::set_default_local_recorder(&counted);
    asking.write("INSERT").await.unwrap();
    asking.set_role(replica_of("b"));
    new.fake.logged("INSERT").await;
    let resubmitted = async {
        while counted.of("litefs_diesel_lost_writes_resubmitted Repo") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, resubmitted).await.expect("it was counted");
    assert_eq!(counted.of("litefs_diesel_lost_writes Repo"), 0);
    let ids: Vec<_> =
        [&old, &new].iter().map(|node| node.fake.stamps.lock().last().map(|stamp| stamp.id)).collect();
    assert_eq!(ids[0], ids[1]);
    assert!(asking.sees.lost.lock().is_empty());
}

#[tokio::test]
async fn one_that_is_committed_when_it_is_sent_again_is_not_told_when_its_result_is_gone() {
    for refusal in without_result(9) {
        let [old, new, next] = [
            TestNode::start(Role::Primary).await,
            TestNode::start(Role::Primary).await,
            TestNode::start(Role::Primary).await,
        ];
        let table = [("a", &old), ("b", &new), ("c", &next)]
            .map(|(name, node)| (name.to_owned(), node.addr.to_string()));
        let asking = Asking::start_with(Handle::current(), replica_of("a"), table.into(), resubmits);
        let counted = Counted::default();
        let _counting = metrics::set_default_local_recorder(&counted);
        asking.write("INSERT").await.unwrap();
        // What it says of the look-up, and of the write.
        *new.fake.refusals.lock() = vec![refusal.clone(), Refusal::Absent];
        asking.set_role(replica_of("b"));
        let resubmitted = async {
            while counted.of("litefs_diesel_lost_writes_resubmitted Repo") == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, resubmitted).await.unwrap_or_else(|_| {
            panic!("{refusal:?} counted as lost: {:?}", asking.sees.lost.lock());
        });
        assert!(asking.sees.lost.lock().is_empty());
        // It goes on being remembered.
        next.fake.refusals.lock().push(Refusal::Rejected(crate::server::testing::unique()));
        asking.set_role(replica_of("c"));
        assert_eq!(told(&asking, 1).await[0].position.txid, 9);
    }
}

#[tokio::test]
async fn one_that_is_not_committed_when_it_is_sent_again_is_told_with_the_reason() {
    for (own_error, reason) in [(true, "its own error"), (false, "has no such write")] {
        let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
        let table = [("a", &old), ("b", &new)].map(|(name, node)| (name.to_owned(), node.addr.to_string()));
        let asking = Asking::start_with(Handle::current(), replica_of("a"), table.into(), resubmits);
        asking.write("INSERT").await.unwrap();
        new.fake.errs.store(own_error, std::sync::atomic::Ordering::Relaxed);
        if !own_error {
            // What it says of the look-up, and of the write.
            *new.fake.refusals.lock() = vec![Refusal::Absent; 2];
        }
        asking.set_role(replica_of("b"));
        let lost = told(&asking, 1).await;
        let why = lost[0].resubmit.as_deref().unwrap_or_default();
        assert!(lost[0].statement == "INSERT" && why.contains(reason), "{lost:?}");
    }
}

#[tokio::test]
async fn one_that_is_stuck_when_it_is_sent_again_delays_no_report() {
    let nodes = [
        TestNode::start(Role::Primary).await,
        TestNode::start(Role::Primary).await,
        TestNode::start(Role::Primary).await,
    ];
    let table = ["a", "b", "c"].iter().zip(&nodes);
    let table = table.map(|(name, node)| ((*name).to_owned(), node.addr.to_string())).collect();
    let asking = Asking::start_with(Handle::current(), replica_of("a"), table, resubmits);
    let [a, b, c] = nodes.each_ref().map(|node| &node.fake);
    a.permits.add_permits(1);
    asking.write("wait").await.unwrap();
    asking.set_role(replica_of("b"));
    b.logged("running wait").await;
    let Ok(_) = asking.begin().await.commit(within(20_000)).await else { panic!("no commit") };
    asking.set_role(replica_of("c"));
    c.logged("running wait").await;
    assert_eq!(told(&asking, 1).await[0].statement, "COMMIT");
    // It is committed all the same, as soon as somebody takes it: so it is looked up once more.
    c.permits.add_permits(1);
    asking.set_role(replica_of("a"));
    a.logged("found").await;
    assert_eq!(asking.sees.lost.lock().len(), 1);
}

#[tokio::test]
async fn a_transaction_that_is_lost_is_told() {
    let (old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    let Ok(_) = asking.begin().await.commit(within(20_000)).await else { panic!("no commit") };
    asking.set_role(replica_of("b"));
    assert_eq!(told(&asking, 1).await[0].statement, "COMMIT");
}
