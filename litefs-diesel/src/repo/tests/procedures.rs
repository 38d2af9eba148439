//! Procedures: what is registered, what a call sends, and what it makes of the answer.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::*;
use crate::error::{CommittedValue, DatabaseError, NotExecuted};
use crate::repo::{CallError, DbError, LitefsRepo, LocalConnection, Procedure, Registered};
use crate::request::{
    Ack, Begin, Primary, ProcedureCall, Procedures, Reply, Terms, Transaction, Work, Write, Written,
};
use crate::statement::{Outcome, Session, Statement};
use crate::{litefs_repo, procedure};

#[litefs_repo(crate = crate, procedures(rename, older::rename_v1, flattened, nothing))]
pub(crate) struct Repo;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum RenameError {
    Empty,
    Database(DbError),
}

impl From<DieselError> for RenameError {
    fn from(error: DieselError) -> Self {
        Self::Database(error.into())
    }
}

/// Renames a user, and gives the old name.
#[procedure(crate = crate, repo = Repo, version = 2)]
pub(crate) fn rename(conn: &mut SqliteConnection, id: i32, name: &str) -> Result<String, RenameError> {
    if name.is_empty() {
        return Err(RenameError::Empty);
    }
    let user = users::table.find(id);
    let old = user.select(users::name).first(conn)?;
    diesel::update(user).set(users::name.eq(name)).execute(conn)?;
    Ok(old)
}

mod older {
    use super::*;

    #[procedure(crate = crate, repo = Repo, version = 1, name = "rename")]
    pub(crate) fn rename_v1(conn: &mut SqliteConnection, id: i32) -> Result<String, DbError> {
        Ok(users::table.find(id).select(users::name).first(conn)?)
    }
}

/// Serde writes it as a map of a length that nobody knows beforehand.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flat {
    #[serde(flatten)]
    rest: BTreeMap<String, i32>,
}

#[procedure(crate = crate, repo = Repo, version = 1)]
pub(crate) fn flattened(_conn: &mut SqliteConnection, given: Option<Flat>) -> Result<Flat, DbError> {
    Ok(given.unwrap_or(Flat { rest: BTreeMap::new() }))
}

#[procedure(crate = crate, repo = Repo, version = 1)]
pub(crate) fn nothing(_conn: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

fn sqlite() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(SCHEMA).unwrap();
    conn.batch_execute("INSERT INTO users (id, name) VALUES (1, 'Ada')").unwrap();
    conn
}

fn known() -> Procedures {
    let procedures = Procedures::default();
    Repo::PROCEDURES.iter().for_each(|procedure| procedure.register(&procedures));
    procedures
}

fn call_of<P: Procedure>(args: &impl Serialize) -> ProcedureCall {
    let args = postcard::to_allocvec(args).unwrap();
    ProcedureCall { name: P::NAME.to_owned(), version: P::VERSION, args }
}

/// What the primary makes of a call.
fn run(conn: &mut SqliteConnection, call: &ProcedureCall) -> Result<Reply, DatabaseError> {
    known().find(call).expect("it is registered")(conn, &call.args)
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap()
}

#[test]
fn a_repo_registers_each_procedure_under_its_name_and_version() {
    let procedures = known();
    let find = |name: &str, version| {
        procedures.find(&ProcedureCall { name: name.to_owned(), version, args: Vec::new() }).is_some()
    };
    assert!(find("rename", 1) && find("rename", 2) && find("nothing", 1));
    assert!(!find("rename", 3) && !find("rename_v1", 1) && !find("Rename", 2));
    assert_eq!(
        format!("{:?}", Repo::PROCEDURES),
        "[rename version 2, rename version 1, flattened version 1, nothing version 1]"
    );
}

#[test]
fn the_primary_gives_the_functions_value_and_its_error() {
    let mut conn = sqlite();
    let renamed = run(&mut conn, &call_of::<rename>(&(1, "Augusta"))).unwrap();
    assert_eq!(renamed, Reply::Ok(bytes(&"Ada")));
    assert_eq!(run(&mut conn, &call_of::<older::rename_v1>(&(1,))).unwrap(), Reply::Ok(bytes(&"Augusta")));
    assert_eq!(run(&mut conn, &call_of::<rename>(&(1, ""))).unwrap(), Reply::Err(bytes(&RenameError::Empty)));
    let missing = RenameError::Database(DieselError::NotFound.into());
    assert_eq!(run(&mut conn, &call_of::<rename>(&(9, "Bob"))).unwrap(), Reply::Err(bytes(&missing)));
    assert_eq!(run(&mut conn, &call_of::<nothing>(&())).unwrap(), Reply::Ok(Vec::new()));
}

#[test]
fn arguments_that_are_not_the_procedures_are_refused_before_it_runs() {
    let mut conn = sqlite();
    let good = bytes(&(1, "Augusta"));
    let mut longer = good.clone();
    longer.push(0);
    for args in [Vec::new(), good[..good.len() - 1].to_vec(), longer, vec![0xff; 12]] {
        let call = ProcedureCall { args, ..call_of::<rename>(&()) };
        let said = DieselError::from(run(&mut conn, &call).unwrap_err());
        assert!(matches!(said, DieselError::DeserializationError(_)), "{said:?}");
        assert!(said.to_string().contains("`rename` version 2"), "{said}");
    }
    assert_eq!(users::table.select(users::name).first::<String>(&mut conn).unwrap(), "Ada");
}

#[test]
fn a_value_that_would_be_lost_on_the_way_is_refused_before_the_commit() {
    let said = run(&mut sqlite(), &call_of::<flattened>(&None::<u8>)).unwrap_err();
    let said = DieselError::from(said);
    assert!(matches!(said, DieselError::SerializationError(_)), "{said:?}");
    assert!(said.to_string().contains("flatten"), "{said}");
}

#[test]
fn the_function_stays_a_function() {
    let mut conn = sqlite();
    assert_eq!(rename(&mut conn, 1, "Augusta").as_deref(), Ok("Ada"));
    fn listed<R: Registered<P>, P: Procedure>() -> (&'static str, &'static str, u32) {
        (R::NAME, P::NAME, P::VERSION)
    }
    assert_eq!(listed::<Repo, rename>(), ("Repo", "rename", 2));
}

/// A connection of the application's own.
struct Own {
    conn: SqliteConnection,
}

impl LocalConnection for Own {
    fn from_sqlite(conn: SqliteConnection) -> Self {
        Self { conn }
    }

    fn as_sqlite(&mut self) -> &mut SqliteConnection {
        &mut self.conn
    }
}

#[test]
fn a_connection_of_the_applications_own_is_lent_the_writers_and_gives_it_back() {
    let mut conn = sqlite();
    let done = conn.transaction(|conn| {
        let renamed = Own::with(conn, |own| rename(&mut own.conn, 1, "Augusta")).unwrap();
        assert_eq!(renamed.as_deref(), Ok("Ada"));
        // It is the same transaction, and its manager still knows of it.
        Err::<(), _>(DieselError::RollbackTransaction)
    });
    assert_eq!(done, Err(DieselError::RollbackTransaction));
    assert_eq!(users::table.select(users::name).first::<String>(&mut conn).unwrap(), "Ada");
}

#[test]
fn a_connection_is_back_in_its_place_after_a_panic() {
    let mut conn = sqlite();
    let panicked = catch_unwind(AssertUnwindSafe(|| Own::with(&mut conn, |_| panic!("the procedure's own"))));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"the procedure's own"));
    assert_eq!(users::table.count().get_result(&mut conn), Ok(1_i64));
}

/// Answers every write with what it was given, and keeps what it was asked.
struct Answering {
    asked: Mutex<Vec<(Write, Ack)>>,
    answer: Box<dyn Fn() -> Result<Written, Error> + Send + Sync>,
}

impl Primary for Answering {
    fn write(&self, write: Write, terms: Terms) -> BoxFuture<'static, Result<Written, Error>> {
        self.asked.lock().push((write, terms.ack));
        let answer = (self.answer)();
        Box::pin(async { answer })
    }

    fn read(&self, _: Statement, _: Terms) -> BoxFuture<'static, Result<Outcome, Error>> {
        Box::pin(async { Err(Error::NotFound) })
    }

    fn begin(
        &self,
        _: Begin,
        _: Session,
        _: Terms,
    ) -> BoxFuture<'static, Result<Box<dyn Transaction>, Error>> {
        Box::pin(async { Err(Error::NotFound) })
    }
}

const AT: Position = Position { txid: 7, checksum: 1 << 63 };

fn replied(reply: Reply) -> Written {
    Written { reply: Some(reply), position: AT, ..Written::default() }
}

fn ok(value: &impl Serialize) -> Written {
    replied(Reply::Ok(bytes(value)))
}

/// A repo whose primary answers so.
fn answering(
    test: &TestRepo,
    answer: impl Fn() -> Result<Written, Error> + Send + Sync + 'static,
) -> (Repo, Arc<Answering>) {
    let primary = Arc::new(Answering { asked: Mutex::default(), answer: Box::new(answer) });
    let own = &test.repo.database;
    let database = Database {
        primary: Arc::clone(&primary) as _,
        readers: Arc::clone(&own.readers),
        here: Arc::clone(&own.here),
        connect: Arc::clone(&own.connect),
        lent: Lent::new(1),
        ack: own.ack,
        timeout: own.timeout,
        runtime: own.runtime.clone(),
    };
    (Repo::from_handle(RepoHandle::new(Arc::new(database))), primary)
}

#[test]
fn a_call_sends_name_version_and_arguments_when_it_is_awaited() {
    let test = TestRepo::new();
    let (repo, primary) = answering(&test, || Ok(ok(&"Ada")));
    drop(repo.rename(1, "nobody"));
    let gone = "Augusta".to_owned();
    let call = repo.rename(1, &gone).ack(Ack::Committed).timeout(Duration::from_secs(2)).with_position();
    drop(gone);
    assert!(primary.asked.lock().is_empty());
    assert_eq!(done(call).unwrap(), ("Ada".to_owned(), AT));
    assert_eq!(done(repo.call::<rename>((1, "Augusta".to_owned()))).unwrap(), "Ada");
    let asked = primary.asked.lock();
    let expected = Write { work: Work::Call(call_of::<rename>(&(1, "Augusta"))), ..Write::of(Vec::new()) };
    assert_eq!(asked[..], [(expected.clone(), Ack::Committed), (expected, Ack::Visible)]);
}

#[test]
fn a_procedures_own_error_comes_back_as_its_type() {
    let test = TestRepo::new();
    let (repo, _) = answering(&test, || Ok(replied(Reply::Err(bytes(&RenameError::Empty)))));
    let error = done(repo.rename(1, "")).unwrap_err();
    assert!(matches!(error, CallError::Procedure(RenameError::Empty)), "{error:?}");
    assert!(!error.is_retryable() && error.outcome().is_none() && error.position().is_none());
}

#[test]
fn every_other_outcome_is_that_of_a_write() {
    let test = TestRepo::new();
    let refused = || Error::NotExecuted(NotExecuted::Overloaded(crate::error::Bound::new("queue_length", 1)));
    let (repo, _) = answering(&test, move || Err(refused()));
    let error = done(repo.rename(1, "Augusta")).unwrap_err();
    assert!(matches!(error, CallError::Outcome(Error::NotExecuted(NotExecuted::Overloaded(_)))), "{error:?}");
    assert!(error.is_retryable());
    assert_eq!(error.outcome().map(Error::to_string), Some(refused().to_string()));
}

#[test]
fn a_committed_calls_value_is_in_the_error_by_its_own_type() {
    let test = TestRepo::new();
    let value = || CommittedValue::new(ok(&"Ada"));
    let (repo, _) =
        answering(&test, move || Err(Error::CommittedNotVisible { position: AT, value: value() }));
    for error in
        [done(repo.rename(1, "Augusta")).unwrap_err(), done(repo.rename(1, "x").with_position()).unwrap_err()]
    {
        assert_eq!(error.value::<String>().map(String::as_str), Some("Ada"));
        assert_eq!(error.position(), Some(AT));
    }
    let (repo, _) = answering(&test, move || {
        let (have, missing) = (vec!["ams".into()], vec!["ord".into()]);
        Err(Error::CommittedNotReplicated { position: AT, have, missing, value: value() })
    });
    let error = done(repo.rename(1, "Augusta")).unwrap_err();
    assert_eq!(error.value::<String>().map(String::as_str), Some("Ada"));
    let CallError::Outcome(Error::CommittedNotReplicated { missing, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(missing, ["ord"]);
}

#[test]
fn an_answer_of_other_types_says_whether_it_is_committed() {
    let test = TestRepo::new();
    for bad in [ok(&0xffff_u16), ok(&("Ada", 1)), Written { position: AT, ..Written::default() }] {
        let (repo, _) = answering(&test, move || Ok(bad.clone()));
        let error = done(repo.rename(1, "Augusta")).unwrap_err();
        assert_eq!(error.position(), Some(AT));
        assert!(matches!(error.outcome(), Some(Error::CommittedNotDecoded { .. })), "{error:?}");
    }
    // Nothing of a procedure that failed is kept.
    let (repo, _) = answering(&test, || Ok(replied(Reply::Err(vec![9]))));
    let error = done(repo.rename(1, "Augusta")).unwrap_err();
    assert!(
        matches!(error.outcome(), Some(Error::Rejected(DieselError::DeserializationError(_)))),
        "{error:?}"
    );
}

#[test]
fn arguments_without_a_form_are_told_when_awaited_and_never_sent() {
    let test = TestRepo::new();
    let (repo, primary) = answering(&test, || Ok(ok(&())));
    let rest = BTreeMap::from([("a".to_owned(), 1)]);
    let error = done(repo.flattened(Some(Flat { rest }))).unwrap_err();
    assert!(
        matches!(error.outcome(), Some(Error::Rejected(DieselError::SerializationError(_)))),
        "{error:?}"
    );
    assert!(primary.asked.lock().is_empty());
}

#[test]
fn a_database_error_is_the_same_after_it_has_travelled() {
    let refused = || {
        DieselError::DatabaseError(
            diesel::result::DatabaseErrorKind::UniqueViolation,
            Box::new("users.email".to_owned()),
        )
    };
    let error = DbError::from(refused());
    let back: DbError = postcard::from_bytes(&bytes(&error)).unwrap();
    assert_eq!(back, error);
    assert_eq!(DieselError::from(back), refused());
    assert_eq!(error.to_string(), "users.email");
    let missing: DbError = postcard::from_bytes(&bytes(&DbError::from(DieselError::NotFound))).unwrap();
    assert!(missing.is_not_found());
    assert!(matches!(Error::from(CallError::Procedure(missing)), Error::NotFound));
    assert!(matches!(Error::from(CallError::Procedure(error)), Error::Rejected(_)));
    // It was rolled back, whatever it could not read.
    let unread = DbError::from(DieselError::DeserializationError("no type".into()));
    assert!(matches!(Error::from(CallError::Procedure(unread)), Error::Rejected(_)));
    fn is_an_error<E: std::error::Error + Any + Send + Sync>() {}
    is_an_error::<CallError<DbError>>();
}
