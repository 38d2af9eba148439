//! What is told of a committed write that is not where its level wants it.

use super::*;

fn short(changed: bool) -> NotReplicated {
    NotReplicated { have: vec!["ams".into()], missing: vec!["here".into()], changed }
}

/// A write at that level, from a replica on which it does not arrive in time.
async fn not_here(ack: Ack, counts: Option<NotReplicated>) -> (Error, Vec<Terms>) {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    asking.sees.ends.lock().push(NotVisible::Yet);
    *asking.sees.short.lock() = counts;
    let error = asking.router.write(write_of("INSERT"), Terms { ack, ..within(20_000) }).await.unwrap_err();
    assert_eq!(error.position().map(|position| position.txid), Some(1), "{error:?}");
    assert!(error.value::<Written>().is_some(), "{error:?}");
    // It is not asked for again.
    assert_eq!(primary.fake.log(), ["INSERT"]);
    let counted = asking.sees.counted.lock().clone();
    (error, counted)
}

#[tokio::test]
async fn above_visible_a_write_that_is_not_here_in_time_is_told_as_not_replicated_with_who_has_it() {
    for ack in [Ack::Replicated(2), Ack::Everywhere] {
        let (error, counted) = not_here(ack, Some(short(false))).await;
        let Error::CommittedNotReplicated { have, missing, .. } = &error else { panic!("{error:?}") };
        assert_eq!((have.as_slice(), missing.as_slice()), (&["ams".into()][..], &["here".into()][..]));
        // It was looked at, and not waited for any more.
        assert!(
            matches!(counted[..], [Terms { ack: asked, deadline }] if asked == ack && deadline <= Instant::now())
        );
    }
}

#[tokio::test]
async fn a_write_that_enough_others_have_is_told_as_not_visible_here() {
    let (error, _) = not_here(Ack::Replicated(1), None).await;
    assert!(matches!(error, Error::CommittedNotVisible { .. }), "{error:?}");
}

#[tokio::test]
async fn after_a_change_of_primary_nobody_is_said_to_have_it() {
    let (error, _) = not_here(Ack::Everywhere, Some(short(true))).await;
    assert!(matches!(error, Error::CommittedNotVisible { .. }), "{error:?}");
}

#[tokio::test]
async fn at_visible_nobody_else_is_asked_for() {
    let (error, counted) = not_here(Ack::Visible, Some(short(false))).await;
    assert!(matches!(error, Error::CommittedNotVisible { .. }), "{error:?}");
    assert!(counted.is_empty());
}
