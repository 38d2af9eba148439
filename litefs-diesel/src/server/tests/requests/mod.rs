//! Each bound of a request, reached over real connections with a real writer behind them: what is over it is
//! refused by name, and the others go on.

mod cancelling;
mod full;
mod replies;
mod results;
mod sizes;

use std::io;
use std::sync::Arc;

use diesel::connection::{Connection, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use futures::{SinkExt, StreamExt};
use tokio_util::bytes::Bytes;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::*;
use crate::config::Config;
use crate::error::{Error, NotExecuted};
use crate::position::Position;
use crate::reader::Readers;
use crate::request::{Ask, Procedures, Stamp, Write, WriteRequest};
use crate::rpc::wire::{self, Down, Trace, Up};
use crate::statement::{Statement, Want};
use crate::value::{ValueRef, Values};
use crate::writer::{History, Writer};

/// Always primary, and always on.
struct Alone;

impl History for Alone {
    fn primary_epoch(&self) -> Option<u64> {
        Some(1)
    }

    fn position(&self) -> io::Result<Position> {
        Ok(Position { txid: 1, checksum: 1 })
    }
}

/// A node with a writer of its own, on a database that goes with it.
struct Bench {
    node: TestNode,
    writer: Arc<Writer>,
    procedures: Arc<Procedures>,
}

impl Bench {
    async fn start(limits: LimitSettings) -> Self {
        let settings = Config::temporary().resolve().unwrap().repos.into_values().next().unwrap();
        let mut conn = SqliteConnection::establish(settings.database.file().to_str().unwrap()).unwrap();
        conn.batch_execute("PRAGMA journal_mode = wal; CREATE TABLE t (id INTEGER PRIMARY KEY, a)").unwrap();
        let readers = Readers::start(settings.clone(), Arc::new(|| ())).unwrap();
        let procedures = Arc::<Procedures>::default();
        let writer = Writer::start(settings, false, Arc::new(Alone), readers, procedures.clone()).unwrap();
        let node = TestNode::with_writer(writer.clone(), limits).await;
        Self { node, writer, procedures }
    }
}

impl Bench {
    /// What is in the table.
    async fn count(&self) -> u64 {
        match ask(&connect(&self.node).await, read("SELECT a FROM t")).await {
            Ok(Reply::Read(outcome)) => outcome.count,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.writer.close();
    }
}

/// A data connection whose frames are made by hand, so that they come in the order in which they are sent.
struct Raw(Framed<TcpStream, LengthDelimitedCodec>);

impl Raw {
    async fn connect(node: &TestNode) -> Self {
        let mut stream = TcpStream::connect(node.addr).await.unwrap();
        stream.set_nodelay(true).unwrap();
        hello::greet(&mut stream, &identity("eu"), Purpose::Data, in_ms(20_000)).await.unwrap();
        Self(LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_framed(stream))
    }

    async fn send(&mut self, head: &Up, body: &[u8]) {
        let frame: Bytes = [&postcard::to_allocvec(head).unwrap(), body].concat().into();
        self.0.send(frame).await.unwrap();
    }

    async fn call(&mut self, id: u64, request: &Request<'_>) {
        let head = Up::Call { id, deadline_ms: 20_000, trace: Trace::default() };
        self.send(&head, &postcard::to_allocvec(request).unwrap()).await;
    }

    /// The next answer, whichever call's it is.
    async fn answer(&mut self) -> (u64, Result<Reply, Refusal>) {
        let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("an answer in time");
        let frame = frame.expect("the connection is open").unwrap();
        let Ok((Down::Answer { id }, body)) = wire::split(&frame) else { panic!("no answer") };
        (id, wire::read(body).unwrap())
    }

    /// The answer to that call; those to others that come before it are dropped.
    async fn answer_to(&mut self, id: u64) -> Result<Reply, Refusal> {
        loop {
            if let (answered, answer) = self.answer().await
                && answered == id
            {
                return answer;
            }
        }
    }
}

/// A statement without binds.
fn plain(sql: &str) -> Statement {
    Statement { binds: Values::new(), ..statement(sql) }
}

/// A write of those, under an id of its own.
fn writes(statements: Vec<Statement>) -> Request<'static> {
    let stamp: Stamp = write_request("").stamp;
    let request = WriteRequest { stamp, ask: Ask::Run(Write::of(statements)) };
    Request::Write { repo: "Repo".into(), request: Cow::Owned(request) }
}

fn write(sql: &str) -> Request<'static> {
    writes(vec![plain(sql)])
}

/// A read of rows on the primary.
fn read(sql: &str) -> Request<'static> {
    let statement = Statement { want: Want::Rows, ..plain(sql) };
    Request::Read { repo: "Repo".into(), statement: Cow::Owned(statement) }
}
