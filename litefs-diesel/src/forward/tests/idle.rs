//! Connections that the primary closes because nothing used them.

use super::*;
use crate::request::Write;

/// Whatever the moment at which the connection is closed, before, while or after it is chosen, a write has its
/// answer: also one that would be in doubt if its connection broke.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_beside_the_closing_of_an_idle_connection_never_fails() {
    const CALLERS: u32 = 100;
    let idle = Duration::from_millis(1_050);
    let limits = LimitSettings {
        idle,
        connections_per_address: 1_000,
        handshake_rate: 10_000,
        handshake_rate_per_address: 10_000,
        ..LimitSettings::default()
    };
    let primary = TestNode::start_with(Role::Primary, "127.0.0.1:0", limits, identity("eu")).await;
    let connections = Arc::new(Mutex::new(0));
    let callers = (0..CALLERS).map(|caller| {
        let (asking, connections) =
            (Asking::start(replica_of("a"), &[("a", &primary)]), Arc::clone(&connections));
        async move {
            let asking = asking; // all of it
            let write = || async {
                let write = Write { alone: true, ..write_of("INSERT") };
                let written = asking.router.write(write, within(20_000)).await;
                assert!(written.is_ok(), "{caller}: {written:?}");
                asking.peers.get("a").unwrap().client().await.unwrap()
            };
            let first = write().await;
            // From a little before the end of its time to a little behind.
            tokio::time::sleep(idle - Duration::from_millis(50) + Duration::from_millis(1) * caller).await;
            let second = write().await;
            *connections.lock() += u32::from(!Arc::ptr_eq(&first, &second));
        }
    });
    futures::future::join_all(callers).await;
    let connections = *connections.lock();
    assert!(connections > 0, "the end was met");
}
