//! Plans of migrations on their way.

use super::*;
use crate::config::AcceptWrites;
use crate::migrate::testing::{plan, step, up};
use crate::migrate::{Kind, Plan};
use crate::request::{Refusal, Write};
use crate::rpc::identity::testing::{by_secret, secret};

impl Asking {
    async fn migrate(&self, plan: Plan, ms: u64) -> Result<Written, Error> {
        self.router.write(Write::migrate(plan), within(ms)).await
    }
}

fn ups() -> Plan {
    plan([up("1", "CREATE TABLE a (x)"), up("2", "SELECT 2")])
}

fn down() -> Plan {
    plan([step(Kind::Down, "1", "DROP TABLE a")])
}

#[tokio::test]
async fn a_plan_that_only_applies_is_asked_again_until_it_is_answered() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    *primary.fake.refusals.lock() = vec![
        Refusal::Busy("locked".into()),
        Refusal::Unknown("the answer was lost".into()),
        Refusal::NotPrimary { hint: None },
        Refusal::Overloaded(full()),
        Refusal::Busy("locked".into()),
    ];
    primary.fake.lose_answers.store(1, std::sync::atomic::Ordering::Relaxed);
    let written = asking.migrate(ups(), 20_000).await.unwrap();
    assert_eq!(*asking.sees.waited.lock(), [written.position]);
    assert_eq!(primary.fake.stamps.lock().len(), 7);
    // It is not looked after when the role changes: it has no entry that could be looked up.
    asking.set_role(Role::NoLeader);
    asking.set_role(replica_of("a"));
    asking.write("INSERT").await.unwrap();
    assert_eq!(primary.fake.stamps.lock().len(), 8);
}

#[tokio::test]
async fn a_plan_that_only_applies_goes_on_at_the_next_primary() {
    let (mut old, new) = (TestNode::start(Role::Primary).await, TestNode::start(Role::Primary).await);
    let asking = Asking::start(replica_of("a"), &[("a", &old), ("b", &new)]);
    let hanging = plan([crate::migrate::Step { name: "wait".into(), ..up("1", "SELECT 1") }]);
    let (written, ()) = tokio::join!(asking.migrate(hanging, 20_000), async {
        old.fake.logged("running wait").await;
        new.fake.permits.add_permits(1);
        asking.set_role(replica_of("b"));
        new.fake.logged("running wait").await;
    });
    written.unwrap();
    old.stop().await;
}

/// It may have run on the one before, and no ledger tells.
#[tokio::test]
async fn a_plan_that_may_have_run_is_unknown_where_the_next_primary_does_not_take_it() {
    let shared = by_secret(&secret(), "shop");
    let old = TestNode::secured(shared.clone(), LimitSettings::default(), identity("eu")).await;
    let new = TestNode::choosy(shared.clone(), AcceptWrites::None, identity("eu")).await;
    let asking = Asking::secured(shared, &[("a", &old), ("b", &new)]);
    let hanging = plan([crate::migrate::Step { name: "wait".into(), ..up("1", "SELECT 1") }]);
    let (applied, ()) = tokio::join!(asking.migrate(hanging, 3_000), async {
        old.fake.logged("running wait").await;
        asking.set_role(replica_of("b"));
    });
    let error = applied.unwrap_err();
    let tells =
        |why: &str| why.contains("a is not primary any more") && why.contains("`cluster.accept_writes`");
    assert!(matches!(&error, Error::Unknown { why } if tells(why)), "{error}");
    assert_eq!(new.fake.log(), [""; 0]);
}

#[tokio::test]
async fn a_plan_that_only_applies_is_asked_again_when_its_history_may_be_gone() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    asking.sees.ends.lock().push(NotVisible::HistoryChanged);
    asking.migrate(ups(), 20_000).await.unwrap();
    assert_eq!(primary.fake.stamps.lock().len(), 2);
}

#[tokio::test]
async fn a_plan_that_reverts_is_asked_once_when_it_may_have_run() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    primary.fake.lose_answers.store(1, std::sync::atomic::Ordering::Relaxed);
    let error = asking.migrate(down(), 20_000).await.unwrap_err();
    assert!(matches!(&error, Error::Unknown { why } if why.contains("was lost")), "{error}");
    assert_eq!(primary.fake.stamps.lock().len(), 1);
    asking.sees.ends.lock().push(NotVisible::HistoryChanged);
    let error = asking.migrate(down(), 20_000).await.unwrap_err();
    assert!(matches!(&error, Error::Unknown { why } if why.contains("dropped it")), "{error}");
    assert_eq!(primary.fake.stamps.lock().len(), 2);
}

#[tokio::test]
async fn a_plan_without_an_answer_by_its_deadline_is_unknown() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    *primary.fake.refusals.lock() =
        [vec![Refusal::Busy("locked".into()); 1000], vec![Refusal::Unknown("lost".into())]].concat();
    let error = asking.migrate(ups(), 300).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unknown { why } if why.contains("lost") && why.contains("locked")),
        "{error}"
    );
    *primary.fake.refusals.lock() = vec![Refusal::Busy("locked".into()); 1000];
    let error = asking.migrate(ups(), 300).await.unwrap_err();
    assert!(matches!(&error, Error::NotExecuted(NotExecuted::Busy(_))), "{error}");
}
