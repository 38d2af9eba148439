//! The task that listens to LiteFS.
//!
//! `/events` is the source. Where it is missing (LiteFS before 0.5.5) or breaks, `/info` is asked
//! between the attempts to have it again, and when that does not answer either, the files in the
//! mount. So "LiteFS is dead" and "there is no leader" stay two things.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Response;

use super::client::Shared;
use super::events::{Event, Lines};
use super::files;
use super::info::{self, Info, InfoError};
use super::role::Role;

/// More than any answer of `/info`.
const MAX_INFO: usize = 64 * 1024;
/// More than any answer of `/metrics`: LiteFS and the Go runtime have some 200 lines, and each database
/// a few.
const MAX_METRICS: usize = 4 * 1024 * 1024;
/// The second attempt to connect comes after this; the first follows at once.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// For how long after LiteFS fell silent its mount is left alone: it closes its HTTP server first
/// and unmounts then, which fails when somebody looks at a file at that moment.
const UNMOUNTING: Duration = Duration::from_millis(500);

/// Listens for ever.
pub(super) async fn follow(shared: Arc<Shared>) {
    // When the last stream ended; `None` before the first.
    let mut lost: Option<Instant> = None;
    let mut pause = Duration::ZERO;
    loop {
        match open_events(&shared).await {
            Ok(stream) => {
                if lost.is_some() {
                    // What happened since the last stream ended was not heard.
                    shared.roles.gap();
                }
                shared.answered();
                shared.see_mount(&mount_id(&shared).await);
                let why = tokio::select! {
                    why = listen(&shared, stream) => why,
                    never = heartbeat(&shared) => match never {},
                };
                tracing::debug!(why, "the stream of LiteFS's events ended");
                // From here on changes are missed; and if LiteFS is ending, it cannot unmount
                // while a descriptor is open.
                shared.roles.gap();
                shared.forget_descriptors();
                lost = Some(Instant::now());
                pause = Duration::ZERO;
            }
            Err(error) => {
                let missing = matches!(error, InfoError::Status { status: 404, .. });
                let ending = lost.is_some_and(|lost| lost.elapsed() < UNMOUNTING);
                look(&shared, !ending).await;
                let longest = if missing { shared.settings.poll } else { shared.settings.reconnect };
                pause = (pause * 2).clamp(FIRST_PAUSE, longest.max(FIRST_PAUSE));
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Asks `GET /info`.
pub(super) async fn info(shared: &Shared) -> Result<Info, InfoError> {
    let (url, body) = body(shared, "info", MAX_INFO).await?;
    let info = Info::read(&body).map_err(|error| InfoError::Malformed { url, why: error.to_string() })?;
    shared.cluster_ids.heard(&info.cluster_id);
    Ok(info)
}

/// Asks `GET /metrics` how many replicas are connected.
pub(super) async fn replicas(shared: &Shared) -> Result<u32, InfoError> {
    let (url, body) = body(shared, "metrics", MAX_METRICS).await?;
    info::replicas(&String::from_utf8_lossy(&body))
        .ok_or_else(|| InfoError::Malformed { url, why: "it has no count of the replicas".into() })
}

/// What LiteFS answers at that path, with the URL.
async fn body(shared: &Shared, path: &str, limit: usize) -> Result<(String, Vec<u8>), InfoError> {
    let url = format!("{}/{path}", shared.settings.http);
    let asked = async {
        let mut response = get(shared, &url).await?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| unreachable_at(&url, &error))? {
            body.extend_from_slice(&piece);
            if body.len() > limit {
                return Err(InfoError::Malformed { url: url.clone(), why: "too long".into() });
            }
        }
        Ok(body)
    };
    let body = within(shared, &url, asked).await?;
    Ok((url, body))
}

async fn open_events(shared: &Shared) -> Result<Response, InfoError> {
    let url = format!("{}/events", shared.settings.http);
    within(shared, &url, get(shared, &url)).await
}

async fn get(shared: &Shared, url: &str) -> Result<Response, InfoError> {
    let Some(http) = &shared.http else {
        return Err(InfoError::Unreachable { url: url.to_owned(), why: "there is no HTTP client".into() });
    };
    let response = http.get(url).send().await.map_err(|error| unreachable_at(url, &error))?;
    match response.status().as_u16() {
        200 => Ok(response),
        status => Err(InfoError::Status { url: url.to_owned(), status }),
    }
}

async fn within<T>(
    shared: &Shared,
    url: &str,
    asked: impl Future<Output = Result<T, InfoError>>,
) -> Result<T, InfoError> {
    match tokio::time::timeout(shared.settings.timeout, asked).await {
        Ok(result) => result,
        Err(_) => {
            let why = format!("nothing came within {:?}", shared.settings.timeout);
            Err(InfoError::Unreachable { url: url.to_owned(), why })
        }
    }
}

fn unreachable_at(url: &str, error: &reqwest::Error) -> InfoError {
    // reqwest's own text is "error sending request"; the reason is at the bottom.
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    InfoError::Unreachable { url: url.to_owned(), why: reason.to_string() }
}

/// Reads a stream to its end, and says why it ended.
async fn listen(shared: &Shared, mut stream: Response) -> String {
    let mut lines = Lines::default();
    loop {
        let due = shared.settle.lock().due();
        let piece = tokio::select! {
            piece = stream.chunk() => piece,
            () = at(due) => {
                let believed = shared.settle.lock().ripen(Instant::now());
                shared.believe(believed);
                continue;
            }
        };
        let events = match piece {
            Ok(Some(piece)) => lines.push(&piece),
            Ok(None) => return "LiteFS closed it".into(),
            Err(error) => return error.to_string(),
        };
        match events {
            Ok(events) => events.into_iter().for_each(|event| match event {
                Event::Role(role) => shared.hear(role),
                Event::Tx { database, position } => shared.hear_tx(&database, position),
                Event::Other => {}
            }),
            Err(error) => return error.to_string(),
        }
    }
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Notices a LiteFS that hangs: its stream stays open, and silent as on a quiet day. Asks at once, for behind
/// a new stream there may be a LiteFS of another cluster, and more often while it has not joined one.
async fn heartbeat(shared: &Shared) -> std::convert::Infallible {
    loop {
        match info(shared).await {
            Ok(_) => shared.answered(),
            Err(error) => shared.silent(error.to_string()),
        }
        let known = shared.cluster_ids.is_known();
        tokio::time::sleep(if known { shared.settings.heartbeat } else { shared.settings.poll }).await;
    }
}

/// Finds the role without events: from `/info`, else from the files if they may be touched.
async fn look(shared: &Shared, touch_files: bool) {
    match info(shared).await {
        Ok(info) => {
            shared.answered();
            shared.hear(info.role());
        }
        Err(error) if !touch_files => {
            shared.silent(error.to_string());
            shared.hear(Role::NoLeader);
            return shared.see_mount(&Err(io::ErrorKind::NotConnected.into()));
        }
        Err(error) => {
            let mount = shared.settings.mount.clone();
            match in_mount(shared, move || files::role(&mount)).await {
                Ok(role) => {
                    shared.answered();
                    shared.hear(role);
                }
                Err(files) => {
                    shared.silent(format!("{error}; {files}"));
                    // Nothing of this node's can be seen or written: as good as no leader.
                    shared.hear(Role::NoLeader);
                }
            }
        }
    }
    shared.see_mount(&mount_id(shared).await);
}

async fn mount_id(shared: &Shared) -> io::Result<u64> {
    let mount = shared.settings.mount.clone();
    in_mount(shared, move || files::mount_id(&mount)).await
}

/// Looks at files of the mount, off the executor and with a time limit. One that hangs keeps its
/// thread until LiteFS goes on or ends; until then no other is begun.
async fn in_mount<T: Send + 'static>(
    shared: &Shared,
    look: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let hangs = || io::Error::new(io::ErrorKind::TimedOut, "the mount hangs; is LiteFS stopped?");
    if shared.probing.swap(true, Ordering::AcqRel) {
        return Err(hangs());
    }
    let done = Done(shared.probing.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let _done = done;
        look()
    });
    match tokio::time::timeout(shared.settings.timeout, looked).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(io::Error::other("the runtime is shutting down")),
        Err(_) => Err(hangs()),
    }
}

struct Done(Arc<AtomicBool>);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}
