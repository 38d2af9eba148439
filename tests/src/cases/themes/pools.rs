//! Pools and async wrappers: cases that open their connections themselves.

use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::{NewUser, User};
use crate::cases::observe::{seen, shown};
use crate::cases::schema::users;
use crate::cases::{Seen, UrlCase, clean};

pub(super) const CASES: &[UrlCase] = &[
    UrlCase { name: "pools::r2d2", body: r2d2 },
    UrlCase { name: "pools::r2d2_refuses_a_broken_connection", body: r2d2_broken },
    UrlCase { name: "pools::deadpool_diesel", body: deadpool },
    UrlCase { name: "pools::diesel_async_wrapper", body: super::pools_async::wrapper },
    UrlCase { name: "pools::diesel_async_transaction", body: super::pools_async::transaction },
];

/// Runs the cases of this file, each on fresh tables.
pub(super) async fn run(url: &str) -> Seen {
    let mut all = Seen::new();
    for case in CASES {
        all.insert(case.name, run_one(url, case).await);
    }
    all
}

/// Runs one of them on fresh tables. What went wrong is in the value too, as in [`Case::run`](crate::cases::Case).
pub(super) async fn run_one(url: &str, case: &UrlCase) -> Value {
    if let Err(why) = on_its_own_connection(url, clean::prepare).await {
        return json!({ "case not prepared": why });
    }
    let value = (case.body)(url.to_owned()).await.unwrap_or_else(|why| json!({ "case failed": why }));
    match on_its_own_connection(url, clean::clear).await {
        Ok(()) => value,
        Err(why) => json!({ "case not cleared": why, "seen": value }),
    }
}

/// Opens a connection off the executor, for what stands before and after a case.
async fn on_its_own_connection(url: &str, work: fn(&mut Conn) -> QueryResult<()>) -> Result<(), String> {
    let url = url.to_owned();
    let done = tokio::task::spawn_blocking(move || {
        let mut conn = Conn::establish(&url).map_err(|why| why.to_string())?;
        work(&mut conn).map_err(|why| why.to_string())
    });
    done.await.map_err(|why| why.to_string())?
}

pub(super) fn add(conn: &mut Conn, id: i32) -> QueryResult<usize> {
    diesel::insert_into(users::table).values((users::id.eq(id), users::name.eq("user"))).execute(conn)
}

pub(super) fn ids(conn: &mut Conn) -> QueryResult<Vec<i32>> {
    users::table.select(users::id).order(users::id).load(conn)
}

/// Runs blocking code for an async caller, and errors as texts.
fn blocking(
    work: impl FnOnce() -> Result<Value, Box<dyn std::error::Error>> + Send + 'static,
) -> BoxFuture<'static, Result<Value, String>> {
    async move {
        let done = tokio::task::spawn_blocking(move || work().map_err(|why| why.to_string()));
        done.await.map_err(|why| why.to_string())?
    }
    .boxed()
}

fn pool(url: String, size: u32) -> Pool<ConnectionManager<Conn>> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .test_on_check_out(true)
        .build_unchecked(ConnectionManager::new(url))
}

fn r2d2(url: String) -> BoxFuture<'static, Result<Value, String>> {
    blocking(move || {
        let pool = pool(url, 2);
        let (mut one, mut other) = (pool.get()?, pool.get()?);
        add(&mut one, 1)?;
        let seen_by_other = ids(&mut other)?;
        let done = other.transaction(|conn| {
            add(conn, 2)?;
            ids(conn)
        });
        let rolled_back = one.transaction::<(), diesel::result::Error, _>(|conn| {
            add(conn, 3)?;
            Err(diesel::result::Error::RollbackTransaction)
        });
        let new = [4, 5].map(|id| NewUser { id, name: "batch", email: None, age: None });
        let batch = diesel::insert_into(users::table).values(new.to_vec()).execute(&mut *one)?;
        drop((one, other));
        let again = ids(&mut *pool.get()?)?;
        Ok(json!([seen_by_other, seen(done), seen(rolled_back), batch, again, pool.state().connections]))
    })
}

fn r2d2_broken(url: String) -> BoxFuture<'static, Result<Value, String>> {
    use diesel::connection::TransactionManager;
    blocking(move || {
        let pool = pool(url, 1);
        {
            let mut conn = pool.get()?;
            <Conn as Connection>::TransactionManager::begin_transaction(&mut *conn)?;
            add(&mut conn, 1)?;
            // Given back with an open transaction: the pool closes it, and that rolls it back.
        }
        let mut next = pool.get()?;
        add(&mut next, 2)?;
        Ok(shown(users::table.order(users::id).load::<User>(&mut *next)?))
    })
}

fn deadpool(url: String) -> BoxFuture<'static, Result<Value, String>> {
    use deadpool_diesel::{Manager, Pool, Runtime};
    async move {
        let manager: Manager<Conn> = Manager::new(url, Runtime::Tokio1);
        let pool: Pool<Manager<Conn>> =
            Pool::builder(manager).max_size(2).build().map_err(|why| why.to_string())?;
        let conn = pool.get().await.map_err(|why| why.to_string())?;
        let inside = conn
            .interact(|conn| {
                add(conn, 1)?;
                conn.transaction(|conn| add(conn, 2))?;
                let failed = add(conn, 1);
                QueryResult::Ok(json!([seen(failed), ids(conn)?]))
            })
            .await
            .map_err(|why| why.to_string())?
            .map_err(|why| why.to_string())?;
        let other = pool.get().await.map_err(|why| why.to_string())?;
        let seen_by_other = other.interact(ids).await.map_err(|why| why.to_string())?;
        Ok(json!([inside, seen(seen_by_other)]))
    }
    .boxed()
}
