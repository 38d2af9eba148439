//! A program that does nothing else than group commit: the least that many callers can wait. No
//! RPC, no capture, no ledger, no results.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use diesel::prelude::*;
use futures::FutureExt;
use litefs_diesel_tests::bench::Outcome;
use tokio::sync::oneshot;

use crate::operation::AsyncOp;
use crate::primary::{Begin, Commit, Insert, PATIENCE, PositionFile, Release, STEP, Savepoint, run};
use crate::schema::connect;

/// More than the most callers of any bench.
const QUEUE: usize = 1_024;

type Reply = oneshot::Sender<Result<(), String>>;

/// Callers whose writes are committed, and where.
struct Committed {
    txid: u64,
    since: Instant,
    replies: Vec<Reply>,
}

/// Ends its threads when dropped.
pub(crate) struct Floor {
    orders: Option<SyncSender<Reply>>,
    threads: Vec<JoinHandle<()>>,
    reads: Arc<AtomicU64>,
}

impl Floor {
    /// Commits to `primary`, and lets callers go when `replica` has it.
    pub(crate) fn start(primary: &Path, replica: &Path) -> Outcome<Self> {
        let (orders, inbox) = sync_channel(QUEUE);
        let (committed, waiting) = channel();
        let reads = Arc::new(AtomicU64::new(0));
        let (conn, position) = (connect(primary)?, PositionFile::open(primary)?);
        let (watched, counter) = (PositionFile::open(replica)?, reads.clone());
        let threads = vec![
            std::thread::spawn(move || write(conn, position, &inbox, &committed)),
            std::thread::spawn(move || watch(watched, &waiting, &counter)),
        ];
        Ok(Self { orders: Some(orders), threads, reads })
    }

    /// One write, done when the replica has it.
    pub(crate) fn write(&self) -> Outcome<AsyncOp> {
        let orders = self.orders.clone().ok_or("the floor has ended")?;
        Ok(Arc::new(move || {
            let orders = orders.clone();
            async move {
                let (reply, done) = oneshot::channel();
                orders.try_send(reply)?;
                Ok(done.await??)
            }
            .boxed()
        }))
    }

    /// How often the replica's position was read.
    pub(crate) fn position_reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        self.orders.take();
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// The only thread that writes: what is queued goes into one transaction, a savepoint each.
fn write(
    mut conn: SqliteConnection,
    mut position: PositionFile,
    orders: &Receiver<Reply>,
    committed: &Sender<Committed>,
) {
    while let Ok(first) = orders.recv() {
        let replies: Vec<_> = std::iter::once(first).chain(orders.try_iter()).collect();
        let written = commit(&mut conn, replies.len()).map_err(|error| error.to_string());
        let txid = written.and_then(|()| position.txid().map_err(|error| error.to_string()));
        match txid {
            Ok(txid) => drop(committed.send(Committed { txid, since: Instant::now(), replies })),
            Err(why) => replies.into_iter().for_each(|reply| drop(reply.send(Err(why.clone())))),
        }
    }
}

fn commit(conn: &mut SqliteConnection, writes: usize) -> QueryResult<()> {
    run(conn, &Begin)?;
    for number in 0..writes {
        run(conn, &Savepoint)?;
        run(conn, &Insert(number as i64))?;
        run(conn, &Release)?;
    }
    run(conn, &Commit)
}

/// The only thread that waits.
fn watch(mut position: PositionFile, committed: &Receiver<Committed>, reads: &AtomicU64) {
    let mut waiting = VecDeque::new();
    loop {
        if waiting.is_empty() {
            let Ok(first) = committed.recv() else { return };
            waiting.push_back(first);
        }
        waiting.extend(committed.try_iter());
        let have = position.txid();
        reads.store(position.reads, Ordering::Relaxed);
        let have = have.map_err(|error| error.to_string());
        let done = |group: &Committed| match &have {
            Ok(have) if group.txid <= *have => Some(Ok(())),
            Ok(_) if group.since.elapsed() > PATIENCE => Some(Err("the replica did not get it".to_owned())),
            Ok(_) => None,
            Err(why) => Some(Err(why.clone())),
        };
        let mut some = false;
        while let Some(result) = waiting.front().and_then(done) {
            let group: Committed = waiting.pop_front().unwrap_or_else(|| unreachable!("it was in front"));
            group.replies.into_iter().for_each(|reply| drop(reply.send(result.clone())));
            some = true;
        }
        if !some {
            // A pause that a new commit ends early.
            match committed.recv_timeout(STEP) {
                Ok(next) => waiting.push_back(next),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(STEP),
            }
        }
    }
}
