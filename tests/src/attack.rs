//! Connections from an address of their own that are no node's.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;

/// From where they come; nodes are at 127.0.0.1.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// What each connection does, over and over.
#[derive(Clone, Debug)]
pub struct Stranger {
    /// How many there are at once.
    pub at_once: usize,
    /// What each says.
    pub says: Arc<[u8]>,
    /// Whether it then says the same without end, for as long as anybody takes it.
    pub goes_on: bool,
    /// Whether it stays until it is hung up on, or hangs up by itself.
    pub stays: bool,
    /// How long it waits before it comes again.
    pub pause: Duration,
}

impl Stranger {
    /// One of 64 that say that and stay.
    #[must_use]
    pub fn that_says(bytes: impl Into<Vec<u8>>) -> Self {
        let says = bytes.into().into();
        Self { at_once: 64, says, goes_on: false, stays: true, pause: Duration::from_millis(20) }
    }
}

/// Strangers that connect until this is dropped, on a thread of the lowest priority: their processor
/// would be another one's.
pub struct Attack {
    stop: Option<oneshot::Sender<()>>,
    connections: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Attack {
    /// Begins.
    ///
    /// # Panics
    /// When the address is none.
    #[must_use]
    pub fn begin(on: &str, stranger: Stranger) -> Self {
        let on: SocketAddr = on.parse().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let connections = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&connections);
        let thread = std::thread::spawn(move || {
            // Without the right to be nice it is not.
            let _ = rustix::process::nice(19);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let all = (0..stranger.at_once).map(|_| come_again(on, &stranger, &counted));
                tokio::select! {
                    _ = futures::future::join_all(all) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { stop: Some(stop), connections, thread: Some(thread) }
    }

    /// How many connections there were by now.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn come_again(on: SocketAddr, stranger: &Stranger, counted: &AtomicU64) {
    loop {
        if let Ok(stream) = connect(on).await {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = talk(stream, stranger).await;
        }
        match stranger.pause {
            // A timer would round it up to a millisecond.
            Duration::ZERO => tokio::task::yield_now().await,
            pause => tokio::time::sleep(pause).await,
        }
    }
}

async fn connect(on: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((FROM, 0).into())?;
    socket.connect(on).await
}

async fn talk(mut stream: TcpStream, stranger: &Stranger) -> std::io::Result<()> {
    stream.write_all(&stranger.says).await?;
    if stranger.goes_on {
        loop {
            stream.write_all(&stranger.says).await?;
        }
    }
    if stranger.stays {
        tokio::io::copy(&mut (&mut stream).take(1 << 20), &mut tokio::io::sink()).await?;
    }
    Ok(())
}

/// A hello in plain text as nodes have sent it, and a frame behind it that would be a call.
#[must_use]
pub fn recorded_hello() -> Vec<u8> {
    let hex = "6c6673646965736c01010100\
               0473686f70026575144c4653433031323334353637383941424344454603616d73\
               ffffffffffffffffffffffffffffffffffff0302054175646974045265706f";
    let hex: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or_default() as u8;
    let hello: Vec<u8> = hex.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let length = (hello.len() as u32).to_be_bytes();
    [&length[..], &hello, &[0, 0, 0, 40], &[0; 40]].concat()
}

/// Bytes that are nothing, the same in each run.
#[must_use]
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}
