//! Futures that need the node's runtime, for callers on any executor.

use std::future::{Future, poll_fn};
use std::pin::pin;

use tokio::runtime::Handle;

/// `future`, which may use timers and sockets of `runtime` whoever polls it: a caller's own
/// executor, another tokio runtime, or a thread that blocks.
///
/// It runs where it is polled, not as a task: dropping it drops what it does.
pub(crate) async fn in_runtime<F: Future>(runtime: Handle, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _entered = runtime.enter();
        future.as_mut().poll(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_timer_runs_when_polled_outside_any_runtime() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        pollster::block_on(in_runtime(runtime.handle().clone(), async {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }));
    }

    #[test]
    fn a_timer_runs_when_polled_inside_another_runtime_without_timers() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let callers = tokio::runtime::Builder::new_current_thread().build().unwrap();
        callers.block_on(in_runtime(runtime.handle().clone(), async {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }));
    }
}
