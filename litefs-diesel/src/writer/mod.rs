//! The one thread that writes a database, and the queue in front of it.
//!
//! What is queued is run under one `BEGIN IMMEDIATE`, each request in a savepoint ([`savepoint`],
//! [`procedure`]) unless the ledger has it ([`take_up`]), and committed once ([`group`],
//! [`commit`]), never by what runs in it ([`guard`], [`hold`]). A transaction that a connection opened
//! holds the thread until it ends ([`transaction`]). What cannot be in a transaction with others runs by
//! itself ([`alone`]), and so do migrations ([`migrate`]). The thread opens the database read-write while this node is primary, and at
//! no other time. Each statement is looked at before it runs ([`run`]), and one that takes too long is
//! reported ([`busy`]).
//!
//! This room never talks to another node, and never decides where a write runs.

mod alone;
mod busy;
mod commit;
mod connect;
mod engine;
mod group;
mod guard;
mod history;
mod hold;
mod job;
mod local;
mod migrate;
mod procedure;
mod run;
mod savepoint;
mod session;
mod set;
mod settle;
mod shrink;
mod take_up;
#[cfg(test)]
mod tests;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use futures::future::BoxFuture;
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use self::engine::Engine;
pub(crate) use self::history::History;
use self::job::{Job, Ticket};
use self::migrate::Around;
pub(crate) use self::migrate::Steps;
use self::settle::{Asked, Settles};
use self::transaction::Opening;
use crate::allowed::{Site, refused_by_words};
use crate::config::RepoSettings;
use crate::error::Bound;
use crate::reader::Readers;
use crate::request::{
    Allowance, Ask, Begin, Executor, OpenTransaction, Procedures, Refusal, RequestId, WriteRequest, Written,
};
use crate::shares::Shares;
use crate::statement::execute::execute_within;
use crate::statement::{Outcome, Session, Statement};

/// What the thread is asked.
enum Command {
    Write(Job),
    Begin(Opening),
    /// Close the file, if it is open from before [`Writer::renew`].
    Renew,
}

/// The handle of the thread. Dropping it ends the thread after what it is at.
pub(crate) struct Writer {
    queue: RwLock<Option<SyncSender<Command>>>,
    /// Of plans that are run elsewhere in this process.
    around: Around,
    closing: Arc<AtomicBool>,
    /// Grows when a file that was opened before is dead.
    generation: Arc<AtomicU64>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Arc<Readers>,
    settles: Arc<Settles>,
    queue_length: Bound,
    /// The transactions in the queue.
    waiting: Arc<Shares>,
}

impl Writer {
    /// Starts the thread. It opens the database when the first write comes. `replicated`: by
    /// LiteFS, which then syncs each commit to the disk itself, and whose writes have entries in the
    /// ledger. `procedures` is what it runs by name.
    pub(crate) fn start(
        settings: RepoSettings,
        replicated: bool,
        history: Arc<dyn History>,
        readers: Arc<Readers>,
        procedures: Arc<Procedures>,
    ) -> std::io::Result<Arc<Self>> {
        let (queue, commands) = sync_channel(settings.queue_length);
        let queue_length = Bound::new("queue_length", settings.queue_length);
        let closing = Arc::new(AtomicBool::new(false));
        let generation = Arc::new(AtomicU64::new(0));
        let settles = Arc::<Settles>::default();
        // Each holds the writer for as long as it is open, so the last of many would wait for all of them.
        let waiting = Shares::new("transactions_waiting", settings.transactions_waiting);
        let engine = Engine::new(
            settings,
            replicated,
            history,
            procedures,
            settles.clone(),
            closing.clone(),
            generation.clone(),
        )?;
        let around = engine.around();
        let thread = std::thread::Builder::new()
            .name(format!("writer {}", engine.name()))
            .spawn(move || engine.run(&commands))?;
        Ok(Arc::new(Self {
            queue: RwLock::new(Some(queue)),
            around,
            closing,
            generation,
            thread: Mutex::new(Some(thread)),
            readers,
            settles,
            queue_length,
            waiting,
        }))
    }

    /// Accepts nothing more, answers what is running and refuses what is queued, closes the file,
    /// and returns when the thread has ended. Blocks for as long as the running statement does.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.queue.write().take();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread panicked");
        }
    }

    /// Closes the file, and opens it anew before the next write: LiteFS went away under it, or
    /// this node may be primary no more.
    pub(crate) fn renew(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
        // When the queue is full there is a next write, which looks by itself.
        let _ = self.send(Command::Renew);
    }

    /// What watches over a plan that is run elsewhere in this process on the file that this writes; an error
    /// when it must not be written now. It waits until `patience` for plans of other processes.
    pub(crate) fn steps(&self, patience: Instant) -> Result<Steps, Refusal> {
        let epoch = engine::epoch(&*self.around.history)?;
        Ok(Steps::new(self.around.clone(), epoch, patience))
    }

    fn send(&self, command: Command) -> Result<(), Refusal> {
        match &*self.queue.read() {
            None => Err(Refusal::ShuttingDown),
            Some(queue) => queue.try_send(command).map_err(|error| match error {
                TrySendError::Full(_) => Refusal::Overloaded(self.queue_length.clone()),
                TrySendError::Disconnected(_) => Refusal::ShuttingDown,
            }),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl Executor for Writer {
    fn write(
        &self,
        request: WriteRequest,
        Allowance { deadline, most, held }: Allowance,
    ) -> BoxFuture<'static, Result<Written, Refusal>> {
        let (reply, answer) = oneshot::channel();
        let (ticket, claim) = Ticket::new(deadline, held, reply);
        // Before it is queued: the transaction that it is about may begin in between.
        let settles = matches!(request.ask, Ask::Settle).then(|| self.settles.ask(request.stamp.id));
        let sent = self.send(Command::Write(Job::new(request, ticket, most)));
        Box::pin(async move {
            sent?;
            let _settles: Option<Asked> = settles;
            claim.wait(answer).await
        })
    }

    fn read(
        &self,
        statement: Statement,
        Allowance { deadline, mut most, held }: Allowance,
    ) -> BoxFuture<'static, Result<Outcome, Refusal>> {
        if let Some(refused) = refused_by_words(&statement, Site::Read) {
            return Box::pin(std::future::ready(Err(Refusal::Read(refused))));
        }
        let read = self.readers.run(deadline, move |conn| {
            let _held = held;
            execute_within(conn, &statement, &mut most)
        });
        Box::pin(
            async move { read.await.map_err(Refusal::of_read)?.map_err(|error| Refusal::Read(error.into())) },
        )
    }

    fn begin(
        &self,
        id: RequestId,
        begin: Begin,
        session: Session,
        Allowance { deadline, held, .. }: Allowance,
    ) -> BoxFuture<'static, Result<Box<dyn OpenTransaction>, Refusal>> {
        let (reply, answer) = oneshot::channel();
        let (ticket, claim) = Ticket::new(deadline, held, reply);
        let sent = match self.waiting.take(1) {
            Ok(place) => self.send(Command::Begin(Opening { id, begin, session, ticket, place })),
            Err(bound) => Err(Refusal::Overloaded(bound)),
        };
        Box::pin(async move {
            sent?;
            let transaction = claim.wait(answer).await?;
            Ok(Box::new(transaction) as Box<dyn OpenTransaction>)
        })
    }
}
