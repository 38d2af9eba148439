//! What is too large to be sent.

use super::*;
use crate::error::Bound;
use crate::request::Write;
use crate::statement::Statement;
use crate::value::{ValueRef, Values};

#[tokio::test]
async fn a_statement_over_a_bound_is_refused_unsent_and_a_transaction_with_it_is_rolled_back() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let many = |count| (0..count).map(ValueRef::Integer).collect::<Values>();
    let large = |count| Statement { binds: many(count), ..statement("INSERT") };
    let write = asking.router.write(Write::of(vec![statement("INSERT"), large(4)]), within(20_000));
    let read = asking.router.read(large(4), within(20_000));
    for error in [write.await.unwrap_err(), read.await.unwrap_err()] {
        assert_eq!(
            error.to_string(),
            format!("it was not executed: {}", NotExecuted::TooLarge(Bound::new("limits.binds", 3)))
        );
    }
    assert_eq!(primary.fake.log(), [""; 0]);
    let mut open = asking.begin().await;
    let refused = open.run(large(4), within(20_000).deadline).await.unwrap_err();
    assert!(
        matches!(&refused, Error::NotExecuted(NotExecuted::TooLarge(bound)) if bound.most() == 3),
        "{refused}"
    );
    drop(open);
    primary.fake.logged("rollback").await;
    asking.write("INSERT").await.unwrap();
}

#[tokio::test]
async fn a_write_over_the_frame_limit_is_refused_unsent() {
    let primary = TestNode::start(Role::Primary).await;
    let asking = Asking::start(replica_of("a"), &[("a", &primary)]);
    let error = asking.write(&"x".repeat(MAX_FRAME)).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotExecuted(NotExecuted::TooLarge(bound)) if bound.setting() == "limits.max_frame"),
        "{error}"
    );
    asking.write("INSERT").await.unwrap();
}
