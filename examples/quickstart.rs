//! One node that is alone, with its database in a temporary folder: plain SQLite, no LiteFS, no
//! network. The same code runs on a cluster once its settings have a `[litefs]`.
//!
//! ```text
//! cargo run --example quickstart
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]
#![allow(missing_docs, reason = "`diesel::table!` writes public items")]

use std::fmt::Display;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use litefs_diesel::{CallError, Config, DbError, Error, LitefsConnection, litefs_repo, procedure};
use serde::{Deserialize, Serialize};

diesel::table! {
    users {
        id -> Integer,
        name -> Text,
        age -> Integer,
    }
}

diesel::table! {
    accounts {
        id -> Integer,
        cents -> BigInt,
    }
}

#[derive(Debug, Queryable, Selectable, Identifiable)]
struct User {
    id: i32,
    name: String,
    age: i32,
}

#[derive(Insertable, AsChangeset)]
#[diesel(table_name = users)]
struct NewUser<'a> {
    name: &'a str,
    age: i32,
}

#[derive(Identifiable, AsChangeset)]
#[diesel(table_name = users)]
struct Birthday {
    id: i32,
    age: i32,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// One database of this application.
#[litefs_repo(procedures(transfer))]
struct Repo;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("app.db");
    let url = file.to_str().ok_or("the temporary folder's path is not UTF-8")?;

    // An application with a settings file writes `Config::load()?` here.
    let repo = Repo::start(Config::new(url)).await?;
    println!("A node that is alone: no [litefs] in its settings, so it is the primary.");
    println!("  role      {:?}", repo.role());
    println!("  database  app.db, in a temporary folder");

    repo.run(|conn| {
        conn.batch_execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER NOT NULL);
             CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents BIGINT NOT NULL);
             INSERT INTO accounts VALUES (1, 50000), (2, 0);",
        )
    })
    .await?;

    typed_methods(&repo).await?;
    // Diesel's connections block, so this one has a thread to itself.
    let owned = url.to_owned();
    tokio::task::spawn_blocking(move || drop_in_connection(&owned)).await??;
    closures(&repo).await?;
    procedures(&repo).await?;
    outcomes(&repo).await?;

    repo.shutdown().await?;
    println!("\nshutdown() has closed every file and ended the node's threads.");
    let refused = repo.count(users::table).await;
    show("repo.count(users)", refused.map_or_else(|error| error.to_string(), |count| count.to_string()));
    Ok(())
}

/// The first way in: typed methods, async. Each takes any Diesel query or statement.
async fn typed_methods(repo: &Repo) -> Result<(), Error> {
    println!("\n1. Typed methods of the repo");

    let ada: User = repo.insert(users::table, &NewUser { name: "Ada", age: 36 }).await?;
    show("repo.insert(Ada, 36)", format_args!("{ada:?}"));

    let more = [NewUser { name: "Bob", age: 17 }, NewUser { name: "Cleo", age: 52 }];
    let inserted = repo.insert_all(users::table, &more).await?;
    show("repo.insert_all(2 rows)", inserted);

    let adults: Vec<User> =
        repo.all(users::table.filter(users::age.ge(18)).select(User::as_select())).await?;
    show("repo.all(age >= 18)", names(&adults));

    let ada: User = repo.update(&Birthday { id: ada.id, age: ada.age + 1 }).await?;
    show("repo.update(Ada's age)", format_args!("{ada:?}"));

    let bob: User = repo.upsert(users::table, &NewUser { name: "Bob", age: 18 }, users::name).await?;
    show("repo.upsert(Bob, 18)", format_args!("{bob:?}"));

    let deleted = repo.delete(&bob).await?;
    let gone: Option<User> = repo.get(users::table, bob.id).await?;
    show("repo.delete(Bob)", format_args!("{deleted} row; repo.get(Bob's id) -> {gone:?}"));

    let counts = repo
        .batch()
        .execute(
            diesel::update(users::table.filter(users::name.eq("Ada"))).set(users::age.eq(users::age - 1)),
        )
        .execute(
            diesel::update(users::table.filter(users::name.eq("Cleo"))).set(users::age.eq(users::age + 1)),
        )
        .await?;
    show("repo.batch(2 updates)", format_args!("{counts:?}, in one transaction"));
    Ok(())
}

/// The second way in: a Diesel connection. But for its type this is code for `SqliteConnection`.
fn drop_in_connection(url: &str) -> Result<(), AnyError> {
    println!("\n2. The drop-in connection: Diesel's own methods");

    // It finds the node that serves this file; `repo.connection()` gives the same.
    let mut conn = LitefsConnection::establish(url)?;
    show("LitefsConnection::establish", format_args!("{conn:?}"));

    let dora: User = diesel::insert_into(users::table)
        .values(&NewUser { name: "Dora", age: 41 })
        .returning(User::as_returning())
        .get_result(&mut conn)?;
    show("insert_into … RETURNING", format_args!("{dora:?}"));

    let changed =
        diesel::update(users::table.find(dora.id)).set(users::name.eq("Dorothy")).execute(&mut conn)?;
    show("update(…).execute", format_args!("{changed} row"));

    let all = users::table.order(users::name).select(User::as_select()).load(&mut conn)?;
    show("users.order(name).load", names(&all));

    let deleted = diesel::delete(users::table.filter(users::age.gt(50))).execute(&mut conn)?;
    show("delete(age > 50).execute", format_args!("{deleted} row"));
    Ok(())
}

/// The second way from async code: blocking Diesel code, off the executor.
async fn closures(repo: &Repo) -> Result<(), Error> {
    println!("\n3. Diesel code in closures: run and transaction");

    let oldest: Option<String> = repo
        .run(|conn| users::table.select(users::name).order(users::age.desc()).first(conn).optional())
        .await?;
    show("repo.run(the oldest)", format_args!("{oldest:?}"));

    let sum = repo
        .transaction(|conn| {
            diesel::insert_into(users::table).values(&NewUser { name: "Emil", age: 7 }).execute(conn)?;
            let ages: Vec<i32> = users::table.select(users::age).load(conn)?;
            Ok::<i32, Error>(ages.iter().sum())
        })
        .await?;
    show("repo.transaction(insert, sum of ages)", sum);

    let failed = repo
        .transaction(|conn| {
            diesel::delete(users::table).execute(conn)?;
            Err::<(), Error>(Error::NotFound)
        })
        .await;
    let left = repo.count(users::table).await?;
    show("repo.transaction(delete all, fail)", format_args!("{failed:?}; still {left} rows"));
    Ok(())
}

/// A function that the primary runs, wherever it is called: one round trip, one transaction. It is
/// still a function, too.
#[procedure(repo = Repo, version = 1)]
pub fn transfer(conn: &mut SqliteConnection, from: i32, to: i32, cents: i64) -> Result<i64, TransferError> {
    let left: i64 = diesel::update(accounts::table.find(from))
        .set(accounts::cents.eq(accounts::cents - cents))
        .returning(accounts::cents)
        .get_result(conn)?;
    if left < 0 {
        // Rolls back what it has done.
        return Err(TransferError::TooLittle { cents: left + cents });
    }
    diesel::update(accounts::table.find(to))
        .set(accounts::cents.eq(accounts::cents + cents))
        .execute(conn)?;
    Ok(left)
}

#[derive(Debug, Serialize, Deserialize)]
pub enum TransferError {
    TooLittle { cents: i64 },
    Database(DbError),
}

impl From<diesel::result::Error> for TransferError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

/// The third way in: named functions, with typed arguments, value and error.
async fn procedures(repo: &Repo) -> Result<(), Error> {
    println!("\n4. Procedures: functions that run on the primary");

    for cents in [1_250, 50_000] {
        let said = match repo.transfer(1, 2, cents).await {
            Ok(left) => format!("{left} cents are left"),
            Err(CallError::Procedure(refused)) => format!("{refused:?}; nothing of it is kept"),
            Err(CallError::Outcome(outcome)) => return Err(outcome),
        };
        show(&format!("repo.transfer(1, 2, {cents})"), said);
    }
    let cents: Vec<i64> = repo.all(accounts::table.select(accounts::cents).order(accounts::id)).await?;
    show("repo.all(accounts)", format_args!("{cents:?}"));
    Ok(())
}

/// What a call ends with when it has no value: each error says what happened to the write.
async fn outcomes(repo: &Repo) -> Result<(), Error> {
    println!("\n5. Outcomes are values");

    let twice = repo.insert::<User, _>(users::table, &NewUser { name: "Ada", age: 1 }).await;
    show("repo.insert(a second Ada)", twice.map_or_else(|error| error.to_string(), |user| user.name));
    let nobody = repo.update::<User>(&Birthday { id: 999, age: 1 }).await;
    show("repo.update(user 999)", nobody.map_or_else(|error| error.to_string(), |user| user.name));
    Ok(())
}

/// One line: what was called, and what came of it.
fn show(what: &str, came: impl Display) {
    println!("  {what:<38} -> {came}");
}

fn names(users: &[User]) -> String {
    users.iter().map(|user| format!("{} ({})", user.name, user.age)).collect::<Vec<_>>().join(", ")
}
