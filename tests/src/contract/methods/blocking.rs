//! Blocking Diesel code through a repo.

use diesel::Connection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use litefs_diesel::{Error, LitefsConnection};
use serde_json::{Value, json};

use super::schema::{User, named, two_users, users};
use super::{Case, Repo, cases, seen};
use crate::contract::outcome;

pub(super) const CASES: &[Case] = cases![
    run_gives_a_connection,
    transaction_commits_and_rolls_back,
    a_transaction_reads_its_own_writes,
    an_error_inside_a_nested_transaction_leaves_the_rest,
    a_connection_of_its_own,
    a_panic_rolls_back,
];

async fn run_gives_a_connection(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let names: Vec<String> = repo
        .run(|conn| Ok::<_, Error>(users::table.select(users::name).order(users::id).load(conn)?))
        .await?;
    let failed: Result<(), Error> = repo
        .run(|conn| {
            diesel::insert_into(users::table).values((users::id.eq(1), users::name.eq("x"))).execute(conn)?;
            Ok(())
        })
        .await;
    let own: Result<(), DieselError> = repo.run(|_| Err(DieselError::NotFound)).await;
    Ok(json!([names, seen(failed), format!("{own:?}")]))
}

async fn transaction_commits_and_rolls_back(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let kept: usize = repo
        .transaction(|conn| Ok::<_, Error>(diesel::update(users::table).set(users::age.eq(7)).execute(conn)?))
        .await?;
    let failed: Result<(), DieselError> = repo
        .transaction(|conn| {
            diesel::delete(users::table).execute(conn)?;
            Err(DieselError::RollbackTransaction)
        })
        .await;
    let all: Vec<User> = repo.all(users::table.order(users::id)).await?;
    Ok(json!([kept, format!("{failed:?}"), all]))
}

async fn a_transaction_reads_its_own_writes(repo: Repo) -> Result<Value, Error> {
    let inside = repo.transaction(|conn| {
        let mut counts = Vec::new();
        for name in ["a", "b", "c"] {
            diesel::insert_into(users::table).values(named(name)).execute(conn)?;
            counts.push(users::table.count().get_result::<i64>(conn)?);
        }
        let last: i32 = users::table.select(users::id).order(users::id.desc()).first(conn)?;
        Ok::<_, Error>((counts, last))
    });
    let inside = inside.await?;
    Ok(json!([inside, repo.count(users::table).await?]))
}

async fn an_error_inside_a_nested_transaction_leaves_the_rest(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let seen_inside = repo.transaction(|conn| {
        diesel::insert_into(users::table).values(named("kept")).execute(conn)?;
        let nested: Result<(), DieselError> = conn.transaction(|conn| {
            diesel::insert_into(users::table).values(named("gone")).execute(conn)?;
            diesel::insert_into(users::table).values((users::id.eq(1), users::name.eq("x"))).execute(conn)?;
            Ok(())
        });
        let error = nested.as_ref().map_err(outcome::diesel).err();
        diesel::insert_into(users::table).values(named("after")).execute(conn)?;
        Ok::<_, Error>(error)
    });
    let seen_inside = seen_inside.await?;
    let names: Vec<String> = repo.all(users::table.select(users::name).order(users::id)).await?;
    Ok(json!([seen_inside, names]))
}

async fn a_connection_of_its_own(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    // Blocks this task's thread, as an application may by mistake: it must not hang.
    let mut conn: LitefsConnection = repo.connection()?;
    let changed = diesel::update(users::table.find(1)).set(users::name.eq("A")).execute(&mut conn)?;
    let name: String = users::table.find(1).select(users::name).first(&mut conn)?;
    let rolled_back: QueryResult<()> = conn.transaction(|conn| {
        diesel::delete(users::table).execute(conn)?;
        Err(DieselError::RollbackTransaction)
    });
    let left: i64 = users::table.count().get_result(&mut conn)?;
    Ok(json!([changed, name, format!("{rolled_back:?}"), left]))
}

async fn a_panic_rolls_back(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let panicking = repo.clone();
    let task = tokio::spawn(async move {
        panicking
            .transaction(|conn| -> Result<(), Error> {
                diesel::delete(users::table).execute(conn)?;
                panic!("on purpose")
            })
            .await
    });
    let panicked = task.await.is_err_and(|error| error.is_panic());
    // The writer is free again, and nothing is gone.
    let _: User = repo.insert(users::table, named("after")).await?;
    Ok(json!([panicked, repo.count(users::table).await?]))
}
