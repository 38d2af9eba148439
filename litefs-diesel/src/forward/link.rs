//! A data connection that is made when somebody needs it, and made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use backon::ExponentialBackoff;
use tokio::sync::{Notify, watch};

use super::connect::Connector;
use crate::rpc::client::Client;
use crate::rpc::data::Data;
use crate::rpc::hello::Purpose;

/// A connection that ended sooner was not one: the next attempt waits as after a failure.
pub(super) const STEADY: Duration = Duration::from_secs(1);

/// How a data connection stands.
#[derive(Clone)]
pub(super) enum Link {
    Up(Arc<Client<Data>>),
    Down {
        why: String,
        /// Trying again cannot mend it.
        permanent: bool,
    },
    /// This node shuts down.
    Closed,
}

/// Who waits for a connection.
#[derive(Default)]
pub(super) struct Demand {
    waiting: AtomicUsize,
    came: Notify,
}

/// One who waits, until it is dropped.
pub(super) struct Waiting<'a>(&'a Demand);

impl Demand {
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.came.notify_one();
        Waiting(self)
    }

    async fn any(&self) {
        while self.waiting.load(Ordering::Acquire) == 0 {
            self.came.notified().await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Closes the link when the task that keeps it ends, however it ends.
struct CloseOnDrop(watch::Sender<Link>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.send_replace(Link::Closed);
    }
}

/// Keeps the connection to one peer, for as long as it is polled.
pub(super) async fn keep(
    connector: Arc<Connector>,
    hostname: String,
    link: watch::Sender<Link>,
    demand: Arc<Demand>,
) {
    let link = CloseOnDrop(link);
    let mut pauses = pauses();
    loop {
        demand.any().await;
        match connector.connect(&hostname, Purpose::Data).await {
            Ok((client, _)) => {
                let since = Instant::now();
                link.0.send_replace(Link::Up(Arc::clone(&client)));
                client.retired().await;
                link.0.send_replace(Link::Down { why: "the connection ended".into(), permanent: false });
                drop(client); // ends the connection once its last call is answered
                if since.elapsed() >= STEADY {
                    pauses = self::pauses();
                    continue;
                }
            }
            Err(error) => {
                tracing::debug!(peer = hostname, %error, "cannot connect");
                link.0.send_replace(Link::Down { why: error.to_string(), permanent: error.is_permanent() });
            }
        }
        tokio::time::sleep(next(&mut pauses)).await;
    }
}

/// The pauses between attempts to connect: short at first, because a process that restarts is back
/// soon, and never longer than a second, because callers wait.
pub(super) fn pauses() -> ExponentialBackoff {
    crate::pauses::pauses(Duration::from_millis(10), Duration::from_secs(1))
}

pub(super) fn next(pauses: &mut ExponentialBackoff) -> Duration {
    pauses.next().unwrap_or(Duration::from_secs(1))
}
