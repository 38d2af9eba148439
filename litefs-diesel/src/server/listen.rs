//! The port. What is over a bound is closed as soon as it is accepted, and nothing is done for it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Services;
use super::admit::Arrived;
use super::connection::{self, Stopping};
use super::reason::Reason;
use super::refused::Refused;
use super::seats::Seats;
use super::socket;
use crate::rpc::identity::Transport;

/// Why this node does not listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error(
        "other machines reach {0}, and nothing says by what nodes know each other: set `cluster.secret_file`, or set \
         `cluster.listen` to a loopback address, such as `127.0.0.1:7117`"
    )]
    NotLoopback(SocketAddr),
    #[error("cannot listen on {addr} (setting `cluster.listen`): {source}")]
    Bind { addr: SocketAddr, source: io::Error },
}

/// Opens the port; port 0 is any free one. In plain text only on loopback. Needs a runtime with
/// network.
pub(crate) async fn bind(addr: SocketAddr, transport: &Transport) -> Result<TcpListener, BindError> {
    if transport.is_plain() && !addr.ip().is_loopback() {
        return Err(BindError::NotLoopback(addr));
    }
    TcpListener::bind(addr).await.map_err(|source| BindError::Bind { addr, source })
}

/// Serves until `shutdown` is cancelled. Then: no new connections, peers are told to go elsewhere,
/// what runs and what is open may end until the limit `drain`, and the rest is dropped, which
/// rolls it back. When this returns, nothing of it is left running.
pub(crate) async fn run(listener: TcpListener, services: Arc<Services>, shutdown: CancellationToken) {
    let refused = Arc::clone(&services.refused);
    tokio::select! {
        () = serve(listener, services, shutdown) => {}
        () = refused.keep_telling() => {}
    }
}

async fn serve(listener: TcpListener, services: Arc<Services>, shutdown: CancellationToken) {
    let stopping = Stopping { gently: shutdown, now: CancellationToken::new() };
    let tasks = TaskTracker::new();
    let seats = Seats::new(&services.limits);
    while let Some((stream, from)) = accept(&listener, &services.refused, &stopping.gently).await {
        let seat = match seats.take(from.ip(), Instant::now()) {
            Ok(seat) => seat,
            Err(full) => {
                socket::reset(stream);
                services.refused.note(full, &from, &"closed before TLS");
                continue;
            }
        };
        let arrived = Arrived { stream, from, seat };
        tasks.spawn(connection::serve(arrived, Arc::clone(&services), stopping.clone(), tasks.clone()));
    }
    drop(listener);
    tasks.close();
    if tokio::time::timeout(services.limits.drain, tasks.wait()).await.is_err() {
        tracing::debug!("calls of other nodes were still running when their time was over");
    }
    stopping.now.cancel();
    tasks.wait().await;
}

/// The next connection; `None` once the node shuts down.
async fn accept(
    listener: &TcpListener,
    refused: &Refused,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr)> {
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(5))
        .with_max_delay(Duration::from_secs(1))
        .without_max_times()
        .build();
    shutdown
        .run_until_cancelled(async {
            loop {
                match listener.accept().await {
                    Ok(accepted) => return accepted,
                    Err(error) if of_the_connection(&error) => {}
                    // Mostly: too many open files. Some will close.
                    Err(error) => {
                        refused.note(Reason::Descriptors, &"a new connection", &error);
                        tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))).await;
                    }
                }
            }
        })
        .await
}

/// Whether it is the one connection that is broken, and not the port.
fn of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused)
}
