//! What an application's instrumentation is told.
//!
//! `CacheQuery` is left out: how a connection keeps statements is its own affair.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::dsl::insert_into;
use diesel::prelude::*;
use diesel::result::Error;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::NewUser;
use crate::cases::observe::seen;
use crate::cases::schema::users;

super::cases!("instrumentation":
    reads_and_writes, failures, scripts, commit_and_rollback, batch_row_by_row, cursor,
);

type Events = Arc<Mutex<Vec<String>>>;

/// Writes down what the connection tells, from now on.
fn record(conn: &mut Conn) -> Events {
    let events = Events::default();
    let recorded = Arc::clone(&events);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        let line = match event {
            InstrumentationEvent::StartQuery { query, .. } => format!("start {query}"),
            InstrumentationEvent::FinishQuery { query, error, .. } => {
                format!("finish {query}{}", error.map(|why| format!(" failed: {why}")).unwrap_or_default())
            }
            InstrumentationEvent::BeginTransaction { depth, .. } => format!("begin {depth}"),
            InstrumentationEvent::CommitTransaction { depth, .. } => format!("commit {depth}"),
            InstrumentationEvent::RollbackTransaction { depth, .. } => format!("rollback {depth}"),
            _ => return,
        };
        recorded.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    });
    events
}

fn told(events: &Events) -> Vec<String> {
    events.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn add(conn: &mut Conn, id: i32) -> QueryResult<usize> {
    insert_into(users::table).values((users::id.eq(id), users::name.eq("user"))).execute(conn)
}

fn reads_and_writes(conn: &mut Conn) -> QueryResult<Value> {
    let events = record(conn);
    add(conn, 1)?;
    users::table.filter(users::name.eq("user")).select(users::id).load::<i32>(conn)?;
    diesel::update(users::table).set(users::age.eq(1)).returning(users::id).get_result::<i32>(conn)?;
    diesel::sql_query("DELETE FROM case_users").execute(conn)?;
    Ok(json!(told(&events)))
}

fn failures(conn: &mut Conn) -> QueryResult<Value> {
    add(conn, 1)?;
    let events = record(conn);
    let results = [
        seen(add(conn, 1)),
        seen(diesel::sql_query("NOT A STATEMENT").execute(conn)),
        seen(
            diesel::sql_query("SELECT 1 AS number FROM case_nowhere")
                .load::<crate::cases::models::Number>(conn),
        ),
        seen(users::table.find(99).select(users::id).first::<i32>(conn)),
    ];
    Ok(json!([results, told(&events)]))
}

fn scripts(conn: &mut Conn) -> QueryResult<Value> {
    let events = record(conn);
    conn.batch_execute("INSERT INTO case_users (id, name) VALUES (1, 'Ada'); DELETE FROM case_users;")?;
    let failed = conn.batch_execute("DELETE FROM case_nowhere");
    Ok(json!([seen(failed), told(&events)]))
}

fn commit_and_rollback(conn: &mut Conn) -> QueryResult<Value> {
    let events = record(conn);
    conn.transaction::<_, Error, _>(|conn| {
        add(conn, 1)?;
        let _ = conn.transaction::<(), Error, _>(|conn| {
            add(conn, 2)?;
            Err(Error::RollbackTransaction)
        });
        conn.transaction(|conn| add(conn, 3))
    })?;
    let _ = conn.immediate_transaction(|conn| add(conn, 1));
    Ok(json!(told(&events)))
}

fn batch_row_by_row(conn: &mut Conn) -> QueryResult<Value> {
    let events = record(conn);
    let new = [1, 2].map(|id| NewUser { id, name: "user", email: None, age: None });
    insert_into(users::table).values(new.to_vec()).execute(conn)?;
    Ok(json!(told(&events)))
}

fn cursor(conn: &mut Conn) -> QueryResult<Value> {
    for id in 1..=3 {
        add(conn, id)?;
    }
    let events = record(conn);
    {
        let query = users::table.select(users::id).order(users::id);
        let mut rows = query.load_iter::<i32, diesel::connection::DefaultLoadingMode>(conn)?;
        rows.next().transpose()?;
    }
    Ok(json!(told(&events)))
}
