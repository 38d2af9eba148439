//! STAND-IN, to be deleted: what `statement/` and `reader/` will hold, with the names and shapes
//! that this room calls. Everything here really works, on one thread with one connection.

use std::cell::RefCell;
use std::sync::mpsc;
use std::time::Instant;

use diesel::backend::Backend;
use diesel::connection::{DefaultLoadingMode, LoadConnection};
use diesel::deserialize::FromSqlRow;
use diesel::prelude::*;
use diesel::query_builder::{CollectedQuery, MoveableBindCollector, QueryBuilder, QueryFragment, QueryId};
use diesel::row::{Field, Row};
use diesel::sqlite::{Sqlite, SqliteQueryBuilder, SqliteType};

use crate::error::{Error, NotExecuted};
use crate::statement::{Outcome, Rows, Statement, Want};
use crate::value::{ValueRef, Values};

/// Binds as Diesel lets them travel between threads.
pub(crate) type Binds =
    <<Sqlite as Backend>::BindCollector<'static> as MoveableBindCollector<Sqlite>>::BindData;

/// `statement/capture.rs`: a query as it is, owned, before its binds become values of the wire: a
/// read on this node never needs those.
pub(crate) struct Collected {
    pub(crate) sql: String,
    pub(crate) cacheable: bool,
    binds: Binds,
}

/// `statement/capture.rs`
pub(crate) fn collect<T: QueryFragment<Sqlite>>(query: &T) -> QueryResult<Collected> {
    let mut sql = SqliteQueryBuilder::new();
    query.to_sql(&mut sql, &Sqlite)?;
    let cacheable = query.is_safe_to_cache_prepared(&Sqlite)?;
    let mut binds = <Sqlite as Backend>::BindCollector::default();
    query.collect_binds(&mut binds, &mut (), &Sqlite)?;
    Ok(Collected { sql: sql.finish(), cacheable, binds: binds.moveable() })
}

impl Collected {
    /// `sql` with the binds of `parts`, in order: for a text that was put together from the texts
    /// of several fragments.
    pub(crate) fn from_parts<'a>(
        sql: String,
        cacheable: bool,
        parts: impl IntoIterator<Item = &'a dyn QueryFragment<Sqlite>>,
    ) -> QueryResult<Self> {
        let mut binds = <Sqlite as Backend>::BindCollector::default();
        for part in parts {
            part.collect_binds(&mut binds, &mut (), &Sqlite)?;
        }
        Ok(Self { sql, cacheable, binds: binds.moveable() })
    }

    /// The same with its text inside another: `before (text) after`.
    pub(crate) fn within(mut self, before: &str, after: &str) -> Self {
        // A new line, because the text may end in a comment; and no `;`, which ends a statement.
        let text = self.sql.trim_end_matches(|c: char| c == ';' || c.is_ascii_whitespace());
        self.sql = format!("{before} ({text}\n) {after}");
        self
    }

    /// For the wire. The binds become values on this thread's scratch connection.
    pub(crate) fn into_statement(self, want: Want) -> QueryResult<Statement> {
        let mut count = Vec::new();
        <<Sqlite as Backend>::BindCollector<'static> as MoveableBindCollector<Sqlite>>::push_debug_binds(
            &self.binds,
            &mut count,
        );
        let marks = vec!["(?)"; count.len()];
        drop(count);
        let mut binds = Values::new();
        if !marks.is_empty() {
            // One column and many rows: a result has at most 2,000 columns, and 32,766 variables.
            let sql = format!("VALUES {}", marks.join(","));
            let query = CollectedQuery::new(sql, false, self.binds);
            scratch(|conn| {
                for row in LoadConnection::<DefaultLoadingMode>::load(conn, query)? {
                    push_row(&row?, &mut binds);
                }
                Ok(())
            })?;
        }
        Ok(Statement { sql: self.sql, binds, cacheable: self.cacheable, want })
    }
}

/// `statement/capture.rs`: the text alone.
pub(crate) fn sql_of(query: &dyn QueryFragment<Sqlite>) -> QueryResult<String> {
    let mut sql = SqliteQueryBuilder::new();
    query.to_sql(&mut sql, &Sqlite)?;
    Ok(sql.finish())
}

/// `statement/capture.rs`
pub(crate) fn capture<T: QueryFragment<Sqlite>>(query: &T, want: Want) -> QueryResult<Statement> {
    collect(query)?.into_statement(want)
}

fn push_row<'a>(row: &impl Row<'a, Sqlite>, values: &mut Values) {
    for i in 0..row.field_count() {
        let Some(field) = row.get(i) else { continue };
        match field.value() {
            None => values.push(ValueRef::Null),
            Some(mut value) => match value.value_type() {
                Some(SqliteType::Long | SqliteType::Integer) => {
                    values.push(ValueRef::Integer(value.read_long()));
                }
                Some(SqliteType::Double) => values.push(ValueRef::Real(value.read_double())),
                Some(SqliteType::Text) => values.push(ValueRef::Text(value.read_text().as_bytes())),
                Some(SqliteType::Binary) => values.push(ValueRef::Blob(value.read_blob())),
                _ => values.push(ValueRef::Null),
            },
        };
    }
}

/// `statement/execute.rs`: loads what was collected as the caller's type, on the thread that holds
/// the connection. Stops after `keep` rows, and ends the statement.
pub(crate) fn load_typed<U, ST>(
    conn: &mut SqliteConnection,
    query: Collected,
    keep: usize,
) -> QueryResult<Vec<U>>
where
    U: FromSqlRow<ST, Sqlite>,
{
    let query = CollectedQuery::new(query.sql, query.cacheable, query.binds);
    LoadConnection::<DefaultLoadingMode>::load(conn, query)?
        .take(keep)
        .map(|row| U::build_from_row(&row?).map_err(diesel::result::Error::DeserializationError))
        .collect()
}

/// `statement/execute.rs`: hands out the rows in parts of about `part` bytes. Stops when `row`
/// says so.
pub(crate) fn load_parts(
    conn: &mut SqliteConnection,
    query: Collected,
    part: usize,
    mut row: impl FnMut(Rows) -> std::ops::ControlFlow<()>,
) -> QueryResult<()> {
    let query = CollectedQuery::new(query.sql, query.cacheable, query.binds);
    let mut rows = Rows::default();
    let mut columns = Vec::new();
    for next in LoadConnection::<DefaultLoadingMode>::load(conn, query)? {
        let next = next?;
        if columns.is_empty() {
            columns = (0..next.field_count())
                .map(|i| next.get(i).and_then(|f| f.field_name().map(str::to_owned)).unwrap_or_default())
                .collect();
        }
        push_row(&next, &mut rows.values);
        rows.count += 1;
        if rows.values.byte_len() >= part {
            rows.columns.clone_from(&columns);
            if row(std::mem::take(&mut rows)).is_break() {
                return Ok(());
            }
        }
    }
    if rows.count > 0 {
        rows.columns = columns;
        let _ = row(rows);
    }
    Ok(())
}

/// `statement/execute.rs`
pub(crate) fn execute(conn: &mut SqliteConnection, statement: &Statement) -> QueryResult<Outcome> {
    let query = bound(&statement.sql, &statement.binds);
    match statement.want {
        Want::Count => Ok(Outcome { count: conn.execute_returning_count(&query)? as u64, rows: None }),
        Want::Rows => {
            let mut rows = Rows::default();
            for row in LoadConnection::<DefaultLoadingMode>::load(conn, query)? {
                let row = row?;
                if rows.columns.is_empty() {
                    rows.columns = (0..row.field_count())
                        .map(|i| {
                            row.get(i).and_then(|f| f.field_name().map(str::to_owned)).unwrap_or_default()
                        })
                        .collect();
                }
                rows.count += 1;
                push_row(&row, &mut rows.values);
            }
            Ok(Outcome { count: u64::from(rows.count), rows: Some(rows) })
        }
        Want::Batch => {
            use diesel::connection::SimpleConnection;
            conn.batch_execute(&statement.sql)?;
            Ok(Outcome::default())
        }
    }
}

/// `statement/replay.rs`: rows that came back, as the caller's type, by the scratch connection.
pub(crate) fn replay_as<U, ST>(rows: &Rows) -> QueryResult<Vec<U>>
where
    U: FromSqlRow<ST, Sqlite>,
{
    if rows.count == 0 {
        return Ok(Vec::new());
    }
    let names: Vec<String> = (1..)
        .zip(&rows.columns)
        .map(|(i, name)| format!("column{i} AS \"{}\"", name.replace('"', "\"\"")))
        .collect();
    let columns = rows.columns.len();
    let values: Vec<ValueRef<'_>> = rows.values.iter().collect();
    let mut all = Vec::with_capacity(rows.count as usize);
    for part in values.chunks(32_766 / columns.max(1) * columns) {
        let row = format!("({})", vec!["?"; columns].join(","));
        let sql =
            format!("SELECT {} FROM (VALUES {})", names.join(","), vec![row; part.len() / columns].join(","));
        let query = bound(&sql, &part.iter().copied().collect());
        scratch(|conn| {
            for row in LoadConnection::<DefaultLoadingMode>::load(conn, query)? {
                all.push(U::build_from_row(&row?).map_err(diesel::result::Error::DeserializationError)?);
            }
            Ok(())
        })?;
    }
    Ok(all)
}

fn bound(
    sql: &str,
    values: &Values,
) -> impl diesel::query_builder::Query<SqlType = diesel::sql_types::Untyped>
+ QueryFragment<Sqlite>
+ QueryId
+ use<> {
    use diesel::sql_types::{Binary, Double, Text};
    let mut query = diesel::sql_query(sql).into_boxed::<Sqlite>();
    for value in values.iter() {
        query = match value {
            ValueRef::Null => query.bind::<diesel::sql_types::Nullable<Text>, _>(None::<String>),
            ValueRef::Integer(i) => query.bind::<diesel::sql_types::BigInt, _>(i),
            ValueRef::Real(f) => query.bind::<Double, _>(f),
            ValueRef::Text(bytes) => query.bind::<Text, _>(String::from_utf8_lossy(bytes).into_owned()),
            ValueRef::Blob(bytes) => query.bind::<Binary, _>(bytes.to_vec()),
        };
    }
    query
}

thread_local! {
    static SCRATCH: RefCell<Option<SqliteConnection>> = const { RefCell::new(None) };
}

fn scratch<R>(work: impl FnOnce(&mut SqliteConnection) -> QueryResult<R>) -> QueryResult<R> {
    SCRATCH.with_borrow_mut(|conn| {
        if conn.is_none() {
            *conn = SqliteConnection::establish(":memory:").ok();
        }
        match conn {
            Some(conn) => work(conn),
            None => Err(diesel::result::Error::BrokenTransactionManager),
        }
    })
}

/// `connection/`
pub(crate) type LitefsConnection = SqliteConnection;

type Job = Box<dyn FnOnce(&mut SqliteConnection) + Send>;

/// `reader/`: one thread with one read-only connection.
pub(crate) struct Readers {
    jobs: mpsc::SyncSender<Job>,
}

impl Readers {
    pub(crate) fn open(path: &str) -> Self {
        let (jobs, queue) = mpsc::sync_channel::<Job>(64);
        let path = format!("file:{path}?mode=ro");
        std::thread::spawn(move || {
            let Ok(mut conn) = SqliteConnection::establish(&path) else { return };
            while let Ok(job) = queue.recv() {
                job(&mut conn);
            }
        });
        Self { jobs }
    }

    pub(crate) async fn run<R: Send + 'static>(
        &self,
        _deadline: Instant,
        job: impl FnOnce(&mut SqliteConnection) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let (answer, wait) = tokio::sync::oneshot::channel();
        let job: Job = Box::new(move |conn| drop(answer.send(job(conn))));
        self.jobs.try_send(job).map_err(|_| Error::NotExecuted(NotExecuted::Overloaded))?;
        wait.await.map_err(|_| Error::NotExecuted(NotExecuted::ShuttingDown))
    }
}

/// `statement::kind`: whether a text writes, asked of SQLite on a connection that cannot.
pub(crate) fn writes(conn: &mut SqliteConnection, sql: &str) -> bool {
    use diesel::connection::DefaultLoadingMode;
    use diesel::sql_types::{Integer, Text};
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        opcode: String,
        #[diesel(sql_type = Integer)]
        p2: i32,
    }
    diesel::sql_query(format!("EXPLAIN {sql}"))
        .load_iter::<Step, DefaultLoadingMode>(conn)
        .map(|steps| steps.flatten().any(|step| step.opcode == "Transaction" && step.p2 == 1))
        .unwrap_or(false)
}
