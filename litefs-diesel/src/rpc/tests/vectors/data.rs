use std::borrow::Cow;
use std::time::Duration;

use super::migrations::plan;
use super::{Vectors, variants};
use crate::error::{DatabaseError, ErrorKind};
use crate::position::Position;
use crate::request;
use crate::request::{
    Ask, Begin, Key, ProcedureCall, RequestId, SessionUse, Stamp, Step, Work, Write, WriteRequest, Written,
};
use crate::rpc::data::{Reply, Request};
use crate::statement::{Outcome, Rows, Session, Statement, Want};
use crate::value::{ValueRef, Values};

variants!(Request<'static>:
    Self::Write { .. } => "Write",
    Self::Read { .. } => "Read",
    Self::Begin { .. } => "Begin",
    Self::Step { .. } => "Step",
    Self::Commit { .. } => "Commit",
    Self::Rollback { .. } => "Rollback",
);
variants!(Reply:
    Self::Written(_) => "Written",
    Self::Read(_) => "Read",
    Self::Begun => "Begun",
    Self::Step(_) => "Step",
    Self::Committed(_) => "Committed",
    Self::NotCommitted(_) => "NotCommitted",
    Self::RolledBack(_) => "RolledBack",
);
variants!(Ask:
    Self::Run(_) => "Run",
    Self::Register { .. } => "Register",
    Self::Settle => "Settle",
    Self::Look => "Look",
);
variants!(Work: Self::Statements(_) => "Statements", Self::Call(_) => "Call", Self::Migrate(_) => "Migrate");
variants!(SessionUse: Self::None => "None", Self::Told => "Told", Self::Brought(_) => "Brought");
variants!(Begin: Self::Immediate => "Immediate", Self::Exclusive => "Exclusive");
variants!(Want: Self::Count => "Count", Self::Rows => "Rows", Self::Batch => "Batch");
variants!(request::Reply: Self::Ok(_) => "Ok", Self::Err(_) => "Err");

const POSITION: Position = Position { txid: 65, checksum: 0xf7c8_a915_0000_0000 };
const SESSION: Session = Session { last_insert_rowid: -1, changes: 300 };

fn values() -> Values {
    let long = [7; 200];
    let all = [
        ValueRef::Null,
        ValueRef::Integer(-2),
        ValueRef::Real(1.5),
        ValueRef::Text(b"Ada"),
        ValueRef::Blob(&long),
    ];
    all.into_iter().collect()
}

fn statement(want: Want) -> Statement {
    let binds = [ValueRef::Text(b"Ada"), ValueRef::Integer(1)].into_iter().collect();
    Statement { sql: "UPDATE users SET name = ? WHERE id = ?".into(), binds, cacheable: true, want }
}

fn id() -> RequestId {
    RequestId { client: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef, sequence: 300 }
}

fn stamp() -> Stamp {
    Stamp { id: id(), hash: u64::MAX, forgotten: 298, again: true }
}

fn works() -> [Work; 3] {
    let call = ProcedureCall { name: "transfer".into(), version: 1, args: vec![2, 4, 200, 1] };
    [Work::Statements(vec![statement(Want::Count)]), Work::Call(call), Work::Migrate(plan())]
}

fn write(work: Work) -> Write {
    let key = Key { name: "order-7".into(), hash: [9; 16], keep: Duration::new(86_400, 5) };
    Write { work, session: SessionUse::Told, alone: false, key: Some(key) }
}

fn asks() -> [Ask; 4] {
    let [statements, ..] = works();
    [Ask::Run(write(statements)), Ask::Register { ticket: 300 }, Ask::Settle, Ask::Look]
}

fn requests() -> Vec<Request<'static>> {
    let repo = || Cow::Borrowed("Repo");
    let read = || Cow::Owned(statement(Want::Rows));
    let request = |ask| Cow::Owned(WriteRequest { stamp: stamp(), ask });
    let mut all: Vec<_> =
        asks().into_iter().map(|ask| Request::Write { repo: repo(), request: request(ask) }).collect();
    all.extend([
        Request::Read { repo: repo(), statement: read() },
        Request::Begin {
            repo: repo(),
            id: id(),
            begin: Begin::Immediate,
            session: SESSION,
            transaction: 300,
        },
        Request::Step { transaction: 300, statement: read() },
        Request::Commit { transaction: 300, stamp: stamp() },
        Request::Rollback { transaction: 300 },
    ]);
    all
}

fn outcome() -> Outcome {
    let rows = Rows { columns: vec!["id".into(), "name".into()], count: 1, values: values() };
    Outcome { count: 300, rows: Some(rows) }
}

fn written() -> Written {
    let reply = Some(request::Reply::Ok(vec![1, 2]));
    Written { outcomes: vec![outcome()], reply, session: SESSION, position: POSITION }
}

fn replies() -> Vec<Reply> {
    let error =
        DatabaseError { kind: ErrorKind::ForeignKey, message: "FOREIGN KEY constraint failed".into() };
    let step = |result, open| Reply::Step(Step { result, session: SESSION, open });
    vec![
        Reply::Written(written()),
        Reply::Written(Written::default()),
        Reply::Read(outcome()),
        Reply::Begun,
        step(Ok(outcome()), true),
        step(Err(error.clone()), false),
        Reply::Committed(written()),
        Reply::NotCommitted(error),
        Reply::RolledBack(SESSION),
    ]
}

#[test]
fn data_is_as_it_is_written_down() {
    let mut vectors = Vectors::new(include_str!("data.txt"));
    vectors.hold("Values", &values());
    vectors.hold("Position", &POSITION);
    vectors.hold("Session", &SESSION);
    vectors.hold("Stamp", &stamp());
    vectors.hold_all("Want", &[Want::Count, Want::Rows, Want::Batch]);
    vectors.hold("Statement", &statement(Want::Batch));
    vectors.hold("Outcome", &outcome());
    vectors.hold("Outcome.count", &Outcome { count: 1, rows: None });
    vectors.hold_all("SessionUse", &[SessionUse::None, SessionUse::Told, SessionUse::Brought(SESSION)]);
    vectors.hold_all("Begin", &[Begin::Immediate, Begin::Exclusive]);
    vectors.hold_all("Work", &works());
    vectors.hold("Write", &write(works()[1].clone()));
    vectors.hold_all("Ask", &asks());
    vectors.hold_all("ProcedureReply", &[request::Reply::Ok(vec![1, 2]), request::Reply::Err(vec![])]);
    vectors.hold_all("Request", &requests());
    vectors.hold_all("Reply", &replies());
    vectors.finish("data.txt");
}
