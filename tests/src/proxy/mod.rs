//! A slow, lossy or dead link: a TCP proxy whose behaviour the test changes while it runs
//! ([`Proxy`]). The kernel's own means (netem) is not in every kernel.
//!
//! It knows nothing of what it carries, and never loses, repeats or reorders a byte of a connection
//! that lives: TCP does not either.

mod carry;
mod link;

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};

pub use link::{Link, Passage};

use crate::netns::Namespace;

/// How many connections it carries at once; further ones are reset.
const CONNECTIONS: usize = 256;

/// A proxy on one thread, from an address of its own to a target. Dropping it resets what it
/// carries and frees the address.
///
/// ```
/// use std::time::Duration;
/// use litefs_diesel_tests::proxy::Proxy;
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let proxy = Proxy::start("127.0.0.1:0", server.local_addr()?.to_string())?;
/// proxy.set_delay(Duration::from_millis(40));
/// let client = std::net::TcpStream::connect(proxy.address())?;
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    /// The thread ends when this is gone.
    link: Option<watch::Sender<Link>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on `listen` (port 0: a free one) and carries each connection to `target`, which
    /// need not be there yet.
    ///
    /// # Errors
    /// When it cannot listen, or start its thread.
    pub fn start(listen: &str, target: impl Into<String>) -> io::Result<Self> {
        Self::start_inside(None, listen, target)
    }

    /// The same in a network namespace, in which `listen` and `target` then are.
    ///
    /// # Errors
    /// As [`Proxy::start`]; and when the namespace is gone.
    pub fn start_inside(
        namespace: Option<&Namespace>,
        listen: &str,
        target: impl Into<String>,
    ) -> io::Result<Self> {
        let namespace = namespace.map(|namespace| File::open(namespace.path())).transpose()?;
        let (listen, target) = (listen.to_owned(), target.into());
        let (link, seen) = watch::channel(Link::default());
        let (ready, listening) = mpsc::channel();
        let thread = std::thread::Builder::new().name("proxy".into()).spawn(move || {
            let prepared = prepare(namespace, &listen);
            let _ = ready.send(match &prepared {
                Ok((_, listener)) => listener.local_addr(),
                Err(error) => Err(io::Error::new(error.kind(), format!("no proxy on {listen}: {error}"))),
            });
            if let Ok((runtime, listener)) = prepared {
                // Dropping the runtime drops, and so closes, all that is open.
                runtime.block_on(serve(listener, target.into(), seen));
            }
        })?;
        let address = listening.recv().map_err(|_| io::Error::other("the proxy's thread is gone"))??;
        Ok(Self { address, link: Some(link), thread: Some(thread) })
    }

    /// Where it listens, as `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// How it behaves now.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link.as_ref().map(|link| *link.borrow()).unwrap_or_default()
    }

    /// Behaves like this from now on, connections that are open included.
    pub fn set(&self, link: Link) {
        self.change(|now| *now = link);
    }

    /// Has each byte arrive this much later, in each direction. What is under way keeps its time.
    pub fn set_delay(&self, delay: Duration) {
        self.change(|link| link.delay = delay);
    }

    /// Lets through at most so much in each direction of a connection; `None`: as much as can be.
    pub fn set_bandwidth(&self, bytes_per_second: Option<u32>) {
        self.change(|link| link.bytes_per_second = bytes_per_second);
    }

    /// Loses one packet in so many; `None`: none. See [`Link::loss`].
    pub fn set_loss(&self, one_in: Option<u32>) {
        self.change(|link| link.loss = one_in);
    }

    /// Accepts, and passes nothing, until [`Proxy::open`]; then what was held goes on.
    pub fn freeze(&self) {
        self.change(|link| link.passage = Passage::Frozen);
    }

    /// Resets all connections, and each new one, until [`Proxy::open`].
    pub fn cut(&self) {
        self.change(|link| link.passage = Passage::Cut);
    }

    /// Ends [`Proxy::freeze`] and [`Proxy::cut`]; delay, bandwidth and loss stay as they are.
    pub fn open(&self) {
        self.change(|link| link.passage = Passage::Open);
    }

    fn change(&self, change: impl FnOnce(&mut Link)) {
        if let Some(link) = &self.link {
            link.send_modify(change);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.link.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Moves the thread that runs this into a namespace for good: the sockets that it opens are there.
fn prepare(namespace: Option<File>, listen: &str) -> io::Result<(Runtime, TcpListener)> {
    if let Some(namespace) = namespace {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    }
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    Ok((Builder::new_current_thread().enable_all().build()?, listener))
}

/// Until the sender of `link` is gone.
async fn serve(listener: TcpListener, target: Arc<str>, mut link: watch::Receiver<Link>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            changed = link.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        // An error is that of one connection, or a want of descriptors that may end.
        let Ok((client, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        match room.clone().try_acquire_owned() {
            Ok(permit) => {
                let (target, link) = (target.clone(), link.clone());
                tokio::spawn(async move {
                    carry::connection(client, &target, link).await;
                    drop(permit);
                });
            }
            Err(_) => carry::reset(&client),
        }
    }
}

#[cfg(test)]
mod tests;
