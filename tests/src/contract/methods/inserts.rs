//! The methods that insert.

use diesel::prelude::*;
use litefs_diesel::Error;
use serde_json::{Value, json};

use super::schema::{Follow, NewUser, User, follows, named, two_users, users};
use super::{Case, Repo, cases, seen};

pub(super) const CASES: &[Case] = cases![
    insert_gives_the_row_with_its_key_and_defaults,
    insert_all_counts,
    insert_all_returning_keeps_the_order,
    no_rows_are_no_error,
    one_bad_row_takes_all_back,
    upsert_inserts_or_changes,
    many_callers_at_once,
];

async fn insert_gives_the_row_with_its_key_and_defaults(repo: Repo) -> Result<Value, Error> {
    let ada: User = repo.insert(users::table, named("Ada")).await?;
    let bob: User = repo.insert(users::table, users::name.eq("Bob")).await?;
    let eve: User = repo.insert(users::table, (users::name.eq("Eve"), users::age.eq(None::<i32>))).await?;
    let dan: User = repo.insert(users::table, NewUser { name: "Dan", email: None, age: Some(5) }).await?;
    Ok(json!([ada, bob, eve, dan]))
}

async fn insert_all_counts(repo: Repo) -> Result<Value, Error> {
    let rows = [named("a"), NewUser { name: "b", email: Some("b"), age: None }, named("c")];
    let count = repo.insert_all(users::table, &rows).await?;
    let all: Vec<User> = repo.all(users::table.order(users::id)).await?;
    Ok(json!([count, all]))
}

async fn insert_all_returning_keeps_the_order(repo: Repo) -> Result<Value, Error> {
    let rows = [
        named("a"),
        NewUser { name: "b", email: None, age: Some(3) },
        NewUser { name: "c", email: Some("c"), age: None },
        named("d"),
    ];
    let rows: Vec<User> = repo.insert_all_returning(users::table, &rows).await?;
    let pairs: Vec<Follow> = repo
        .insert_all_returning(
            follows::table,
            [3, 1, 2]
                .map(|target| (follows::source.eq(1), follows::target.eq(target), follows::since.eq("x"))),
        )
        .await?;
    Ok(json!([rows, pairs]))
}

async fn no_rows_are_no_error(repo: Repo) -> Result<Value, Error> {
    let none: Vec<NewUser<'_>> = Vec::new();
    let rows: Vec<User> = repo.insert_all_returning(users::table, &none).await?;
    let (count, position) = repo.insert_all(users::table, &none).with_position().await?;
    Ok(json!([rows, count, position == repo.position().await?]))
}

async fn one_bad_row_takes_all_back(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let rows = [named("Eve"), NewUser { name: "Ada again", email: Some("ada@example.org"), age: None }];
    let failed = seen(repo.insert_all(users::table, &rows).await);
    let returning = seen(repo.insert_all_returning::<User, _>(users::table, &rows).await);
    Ok(json!([failed, returning, repo.count(users::table).await?]))
}

async fn upsert_inserts_or_changes(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let again = NewUser { name: "Countess", email: Some("ada@example.org"), age: None };
    let changed: User = repo.upsert(users::table, &again, users::email).await?;
    let new = NewUser { name: "Eve", email: Some("eve@example.org"), age: None };
    let inserted: User = repo.upsert(users::table, &new, users::email).await?;
    let mut follow = Follow { source: 1, target: 2, since: "2024".into() };
    let first: Follow = repo.upsert(follows::table, &follow, (follows::source, follows::target)).await?;
    follow.since = "2025".into();
    let second: Follow = repo.upsert(follows::table, &follow, (follows::source, follows::target)).await?;
    let no_key = seen(repo.upsert::<User, _>(users::table, &new, users::age).await);
    Ok(json!([changed, inserted, first, second, no_key, repo.count(users::table).await?]))
}

async fn many_callers_at_once(repo: Repo) -> Result<Value, Error> {
    let names: Vec<String> = (0..64).map(|i| format!("user {i}")).collect();
    let inserts = names.iter().map(|name| repo.insert::<User, _>(users::table, named(name)));
    let users = futures::future::try_join_all(inserts).await?;
    let mut ids: Vec<i32> = users.iter().map(|user| user.id).collect();
    ids.sort_unstable();
    let own = users.iter().zip(&names).all(|(user, name)| user.name == *name);
    Ok(json!([ids, own]))
}
