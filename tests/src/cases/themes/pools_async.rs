//! diesel-async's wrapper over a blocking connection.
//!
//! In a file of its own: its `RunQueryDsl` has the names of Diesel's.

use diesel::{ExpressionMethods, QueryDsl, QueryResult};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{NewUser, User};
use crate::cases::observe::seen;
use crate::cases::schema::users;

type Wrapped = SyncConnectionWrapper<Conn>;

async fn open(url: &str) -> Result<Wrapped, String> {
    Wrapped::establish(url).await.map_err(|why| why.to_string())
}

async fn add(conn: &mut Wrapped, id: i32) -> QueryResult<usize> {
    let new = NewUser { id, name: "async", email: None, age: Some(id) };
    diesel::insert_into(users::table).values(new).execute(conn).await
}

async fn ids(conn: &mut Wrapped) -> QueryResult<Vec<i32>> {
    users::table.select(users::id).order(users::id).load(conn).await
}

/// Plain statements, a stream, a script, and the blocking connection inside.
pub(super) fn wrapper(url: String) -> BoxFuture<'static, Result<Value, String>> {
    async move {
        let mut conn = open(&url).await?;
        plain(&mut conn).await.map_err(|why| why.to_string())
    }
    .boxed()
}

async fn plain(conn: &mut Wrapped) -> QueryResult<Value> {
    let mut counts = Vec::new();
    for id in 1..=3 {
        counts.push(add(conn, id).await?);
    }
    let failed = add(conn, 1).await;
    let row: User = diesel::update(users::table.find(2)).set(users::city.eq("Rome")).get_result(conn).await?;
    let streamed: Vec<User> =
        users::table.order(users::id.desc()).load_stream(conn).await?.try_collect().await?;
    conn.batch_execute("DELETE FROM case_users WHERE id = 3; UPDATE case_users SET age = 0").await?;
    let inside = conn.spawn_blocking(super::pools::ids).await?;
    let first: User = users::table.order(users::id).first(conn).await?;
    Ok(json!([counts, seen(failed), row, streamed, inside, first]))
}

/// Transactions that commit, roll back, and nest.
pub(super) fn transaction(url: String) -> BoxFuture<'static, Result<Value, String>> {
    async move {
        let mut conn = open(&url).await?;
        nested(&mut conn).await.map_err(|why| why.to_string())
    }
    .boxed()
}

async fn nested(conn: &mut Wrapped) -> QueryResult<Value> {
    let committed = conn
        .transaction::<_, diesel::result::Error, _>(async |conn| {
            add(conn, 1).await?;
            let inner = conn
                .transaction::<usize, diesel::result::Error, _>(async |conn| {
                    add(conn, 2).await?;
                    add(conn, 1).await
                })
                .await;
            add(conn, 3).await?;
            Ok(json!([seen(inner), ids(conn).await?]))
        })
        .await;
    let rolled_back = conn
        .transaction::<(), diesel::result::Error, _>(async |conn| {
            add(conn, 9).await?;
            Err(diesel::result::Error::RollbackTransaction)
        })
        .await;
    Ok(json!([seen(committed), seen(rolled_back), ids(conn).await?]))
}
