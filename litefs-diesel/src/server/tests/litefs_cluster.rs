//! What becomes of connections when LiteFS comes to belong to another cluster.

use super::*;
use crate::litefs::ClusterId;

const FIRST: &str = "LFSC0123456789ABCDEF";

#[tokio::test]
async fn a_node_whose_litefs_comes_to_another_cluster_drops_its_connections_and_what_is_open_on_them() {
    let (ids, litefs) = ClusterId::changing(Some(FIRST));
    let here = Identity { litefs, ..identity("eu") };
    let node = TestNode::start_with(Role::Primary, "127.0.0.1:0", LimitSettings::default(), here).await;
    let client = connect(&node).await;
    ask(&client, begin(1)).await.unwrap();
    ids.send_replace(Some("LFSC0000000000000002".into()));
    tokio::time::timeout(PATIENCE, client.retired()).await.unwrap();
    node.fake.logged("dropped transaction").await;
    let again = connect_as::<Data>(&node, &identity("eu"), Purpose::Data).await;
    assert!(
        matches!(again, Err(HelloError::LitefsCluster { theirs, .. }) if theirs == "LFSC0000000000000002")
    );
    ids.send_replace(None);
    let again = connect_as::<Data>(&node, &identity("eu"), Purpose::Data).await;
    assert!(matches!(again, Err(error) if !error.is_refusal()));
    ids.send_replace(Some(FIRST.into()));
    assert!(ask(&connect(&node).await, write("INSERT")).await.is_ok());
}
