//! Transactions and nodes that somebody leaves open, drops, or dies with.

use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use litefs_diesel::{Error, LitefsConnection, Node};
use serde_json::{Value, json};

use super::app::{App, Repo};
use super::load::marks;
use super::outcome;
use crate::app::Commands;

pub(super) fn add(commands: Commands<App>) -> Commands<App> {
    commands
        .add("idle_transaction", idle_transaction)
        .add("hold_transaction", hold_transaction)
        .add("second_node", second_node)
        .add("secret", secret)
}

/// Opens a transaction, writes, does nothing for so many milliseconds, and writes once more.
async fn idle_transaction(app: Arc<App>, millis: u64) -> Result<usize, Value> {
    let idle = app.repo.transaction(move |conn| {
        insert(conn, 1)?;
        std::thread::sleep(Duration::from_millis(millis));
        Ok::<_, Error>(insert(conn, 2)?)
    });
    idle.await.map_err(|error| outcome::of(&error))
}

/// Opens a transaction that writes and stays open until the process ends; returns when it is open.
async fn hold_transaction(app: Arc<App>, (): ()) -> Result<(), Value> {
    let (opened, open) = tokio::sync::oneshot::channel();
    let repo = app.repo.clone();
    std::thread::spawn(move || {
        let held = repo.connection().map_err(Error::into_diesel).and_then(|mut conn| {
            conn.transaction(|conn| {
                insert(conn, 3)?;
                let _ = opened.send(());
                loop {
                    std::thread::park();
                }
            })
        });
        let _: QueryResult<()> = held;
    });
    open.await.map_err(|_| json!("the transaction was not opened"))
}

fn insert(conn: &mut LitefsConnection, number: i64) -> QueryResult<usize> {
    diesel::insert_into(marks::table).values((marks::caller.eq(-3), marks::number.eq(number))).execute(conn)
}

/// Starts another node for the same database, uses all of it, and drops it without a shutdown.
async fn second_node(app: Arc<App>, (): ()) -> Result<i64, Value> {
    let config = app.settings.config().listen("127.0.0.1:0");
    let run = async {
        let node = Node::start(config).await?;
        let repo = Repo::on(&node)?;
        repo.run(|conn| Ok::<_, Error>(insert(conn, 4)?)).await?;
        repo.count(marks::table).await
    };
    run.await.map_err(|error: Error| outcome::of(&error))
}

/// Lets a text, of a table `secrets` with a unique column `text`, go every way there is.
async fn secret(app: Arc<App>, text: String) -> Result<(), Value> {
    diesel::table! { secrets (id) { id -> Integer, text -> Text, } }
    let repo = &app.repo;
    let row = || diesel::insert_into(secrets::table).values(secrets::text.eq(text.clone()));
    let inside = text.clone();
    let go = async {
        repo.execute(row()).await?;
        repo.execute(row()).await.expect_err("it is unique");
        repo.returning::<String>(
            diesel::update(secrets::table).set(secrets::text.eq(text.clone())).returning(secrets::text),
        )
        .await?;
        let found = secrets::table.filter(secrets::text.eq(&text)).select(secrets::id);
        let _: Vec<i32> = repo.all(found).await?;
        let _: Vec<i32> = repo.all(found).at(litefs_diesel::ReadLevel::Primary).await?;
        repo.transaction(move |conn| {
            let of = |text: &String| secrets::table.filter(secrets::text.eq(text.clone()));
            diesel::delete(of(&inside)).execute(conn)?;
            diesel::insert_into(secrets::table).values(secrets::text.eq(&inside)).execute(conn)?;
            let nested: QueryResult<usize> = conn.transaction(|conn| {
                diesel::insert_into(secrets::table).values(secrets::text.eq(&inside)).execute(conn)
            });
            nested.expect_err("it is unique");
            of(&inside).count().get_result::<i64>(conn)?;
            Ok::<_, Error>(())
        })
        .await?;
        let mut conn = repo.connection()?;
        diesel::delete(secrets::table.filter(secrets::text.eq(&text))).execute(&mut conn)?;
        Ok::<_, Error>(())
    };
    go.await.map_err(|error| outcome::of(&error))
}
