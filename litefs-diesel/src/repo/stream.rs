//! The method that gives rows one after the other.

use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use diesel::result::Error as DieselError;
use futures::Stream;
use futures::future::BoxFuture;

use super::database::{Database, Place, ReadTerms};
use super::query::{Decode, ReadQuery};
use super::refuse::ReadMethod;
use super::spool::{Spool, Taken};
use super::taken::TakenQuery;
use super::{ReadLevel, RepoHandle};
use crate::error::Error;
use crate::reader::too_long;
use crate::runtime::in_runtime;
use crate::statement::Rows;
use crate::statement::load::{LoadEnd, load_parts};

/// About how many bytes of rows are handed over at once: small enough that making them a `U` does
/// not hold up the executor.
const PART: usize = 16 * 1024;

/// The rows of a query, one after the other: see [`RepoHandle::stream`].
///
/// It is a `Stream` of `Result<U, Error>`, and ends after an error. Nothing runs until it is
/// polled; dropping it stops the reading.
#[must_use = "a stream does nothing until it is polled"]
pub struct RowStream<U> {
    state: State,
    decode: Decode<U>,
    ready: std::vec::IntoIter<U>,
}

enum State {
    Waiting { database: Arc<Database>, query: TakenQuery, level: ReadLevel, timeout: Option<Duration> },
    Running(Running),
    Done,
}

struct Running {
    database: Arc<Database>,
    spool: Arc<Spool>,
    /// Reads the rows into the spool. `None` when it has.
    reading: Option<BoxFuture<'static, Result<(), Error>>>,
    /// Reads a part of the rows back from disk.
    fetching: Option<BoxFuture<'static, Result<Rows, Error>>>,
    /// What ended the reading; told after the rows that were read before.
    failed: Option<Error>,
}

impl<U> RowStream<U> {
    /// As [`Read::at`](super::Read::at). From the primary, the whole result comes at once.
    pub fn at(mut self, to: ReadLevel) -> Self {
        if let State::Waiting { level, .. } = &mut self.state {
            *level = to;
        }
        self
    }

    /// How long the reading may take, counted from the first poll; the repo's own setting when not
    /// said. How long the rows are worked on is not limited.
    pub fn timeout(mut self, to: Duration) -> Self {
        if let State::Waiting { timeout, .. } = &mut self.state {
            *timeout = Some(to);
        }
        self
    }
}

// A row that is ready is moved out, never pinned.
impl<U> Unpin for RowStream<U> {}

impl<U> Stream for RowStream<U> {
    type Item = Result<U, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(row) = this.ready.next() {
                return Poll::Ready(Some(Ok(row)));
            }
            let next = match std::mem::replace(&mut this.state, State::Done) {
                State::Waiting { database, query, level, timeout } => {
                    this.state = State::Running(Running::start(database, query, level, timeout));
                    continue;
                }
                State::Running(mut running) => {
                    let next = running.poll(cx);
                    if !matches!(next, Poll::Ready(None | Some(Err(_)))) {
                        this.state = State::Running(running);
                    }
                    next
                }
                State::Done => return Poll::Ready(None),
            };
            match next {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(rows)) => {
                    match rows.and_then(|rows| (this.decode.replay)(&rows).map_err(Error::Read)) {
                        Ok(rows) => this.ready = rows.into_iter(),
                        Err(error) => {
                            this.state = State::Done;
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
            }
        }
    }
}

impl Running {
    fn start(
        database: Arc<Database>,
        query: TakenQuery,
        level: ReadLevel,
        timeout: Option<Duration>,
    ) -> Self {
        let terms = ReadTerms { level, deadline: database.deadline(timeout) };
        let spool = Spool::new();
        let reading = read(Arc::clone(&database), query, terms, Arc::clone(&spool));
        let reading = Box::pin(in_runtime(database.runtime.clone(), reading));
        Self { database, spool, reading: Some(reading), fetching: None, failed: None }
    }

    /// The next rows, in their order.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Rows, Error>>> {
        if let Some(reading) = &mut self.reading
            && let Poll::Ready(read) = reading.as_mut().poll(cx)
        {
            self.reading = None;
            self.failed = read.err();
        }
        if self.fetching.is_none() {
            match self.spool.take(cx.waker()) {
                Taken::Rows(rows) => return Poll::Ready(Some(Ok(rows))),
                Taken::Disk(extent) => {
                    let (database, spool) = (Arc::clone(&self.database), Arc::clone(&self.spool));
                    self.fetching = Some(Box::pin(async move {
                        database.blocking(move || spool.read(extent)).await?.map_err(failed)
                    }));
                }
                Taken::Nothing if self.reading.is_some() => return Poll::Pending,
                Taken::Nothing => return Poll::Ready(self.failed.take().map(Err)),
            }
        }
        let Some(fetching) = &mut self.fetching else { return Poll::Pending };
        let fetched = fetching.as_mut().poll(cx);
        if fetched.is_ready() {
            self.fetching = None;
        }
        fetched.map(Some)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.spool.abandon();
    }
}

async fn read(
    database: Arc<Database>,
    query: TakenQuery,
    terms: ReadTerms,
    spool: Arc<Spool>,
) -> Result<(), Error> {
    let query = query.0.map_err(Error::Read)?;
    match database.place(terms).await? {
        Place::Here => {
            let limit = database.readers.limit();
            let read = move |conn: &mut _| {
                let mut pushed = Ok(true);
                // From now on: the time in the queue stalls nobody.
                let until = Instant::now() + limit;
                let loaded = load_parts(conn, query, PART, until.min(terms.deadline), |rows| {
                    pushed = spool.push(rows);
                    if matches!(pushed, Ok(true)) {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
                (loaded, pushed)
            };
            let (loaded, pushed) = database.readers.run(terms.deadline, read).await?;
            match loaded.map_err(|error| ReadMethod::Stream.refusal(error))? {
                LoadEnd::TooLong if Instant::now() >= terms.deadline => {
                    Err(Error::ReadTimeout { why: "the reading took too long".to_owned() })
                }
                LoadEnd::TooLong => Err(too_long(limit)),
                LoadEnd::All | LoadEnd::BrokenOff => pushed.map(drop).map_err(failed),
            }
        }
        Place::Primary => {
            let rows = database.read_there(query, terms.deadline).await;
            let rows = rows.map_err(|error| ReadMethod::Stream.refusal_there(error))?;
            spool.push(rows).map(drop).map_err(failed)
        }
    }
}

/// The file of a spool, or its limit.
fn failed(error: std::io::Error) -> Error {
    Error::Read(DieselError::QueryBuilderError(Box::new(error)))
}

impl<U> fmt::Debug for RowStream<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::Waiting { .. } => "RowStream(not begun)",
            State::Running(_) => "RowStream(running)",
            State::Done => "RowStream(done)",
        })
    }
}

impl<L> RepoHandle<L> {
    /// The rows of a query one after the other, as `U`, in bounded memory.
    ///
    /// The rows are read at the database's speed and not at the consumer's, because an open cursor
    /// stalls replication on this node; and for at most as long as the setting `read_transaction` says
    /// (default 2 s), after which the stream ends with [`Error::ReadTimeout`]. What the consumer has not taken waits: 1 MiB in memory,
    /// and what is more in a file without a name in the folder for temporary files, up to 1 GiB.
    /// So it is a snapshot, taken when it begins.
    ///
    /// # Errors
    /// As [`all`](Self::all), as an item; the stream ends after it. [`Error::Read`] too when 1 GiB
    /// waits, or the file cannot be written.
    ///
    /// ```
    /// # #[litefs_diesel::litefs_repo]
    /// # struct Repo;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
    /// # repo.execute(diesel::sql_query("CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL)")).await?;
    /// # repo.execute(diesel::sql_query("INSERT INTO users VALUES (1, 'Ada'), (2, 'Bob')")).await?;
    /// # use diesel::prelude::*;
    /// # diesel::table! { users { id -> Integer, name -> Text, } }
    /// use futures::TryStreamExt;
    ///
    /// let mut names = repo.stream::<String>(users::table.select(users::name));
    /// while let Some(name) = names.try_next().await? {
    ///     assert!(!name.is_empty());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream<U: Send + 'static>(&self, query: impl ReadQuery<U>) -> RowStream<U> {
        let (query, decode) = query.collect_query();
        let database = Arc::clone(&self.database);
        RowStream {
            state: State::Waiting { database, query, level: ReadLevel::default(), timeout: None },
            decode,
            ready: Vec::new().into_iter(),
        }
    }
}
