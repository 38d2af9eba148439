//! The methods that change and delete rows, or take any statement.

use std::time::Duration;

use diesel::prelude::*;
use diesel::upsert::excluded;
use litefs_diesel::{Ack, Error};
use serde_json::{Value, json};

use super::schema::{Follow, NewUser, User, follows, named, posts, two_users, users};
use super::{Case, Repo, cases, seen};

pub(super) const CASES: &[Case] = cases![
    update_gives_the_row,
    update_with_nothing_to_change,
    update_all_and_delete_all_count,
    delete_takes_one_row,
    execute_takes_any_statement,
    returning_gives_rows,
    batch_is_all_or_nothing,
    what_would_change_the_connection_is_refused,
    acknowledgement_and_position,
    a_deferred_key_fails_the_commit,
    conflict_rollback_takes_only_itself,
    ddl_is_seen_at_once,
];

#[derive(Identifiable, AsChangeset)]
#[diesel(table_name = users)]
struct Changed<'a> {
    id: i32,
    name: Option<&'a str>,
    age: Option<Option<i32>>,
}

async fn update_gives_the_row(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let renamed: User = repo.update(&Changed { id: 1, name: Some("Lady Ada"), age: None }).await?;
    let ageless: User = repo.update(&Changed { id: 1, name: None, age: Some(None) }).await?;
    let nobody = repo.update::<User>(&Changed { id: 9, name: Some("Eve"), age: None }).await;
    let follow = Follow { source: 1, target: 2, since: "2024".into() };
    let _: Follow = repo.insert(follows::table, &follow).await?;
    let pair: Follow = repo.update(&Follow { since: "2025".into(), ..follow }).await?;
    Ok(json!([renamed, ageless, seen(nobody), pair]))
}

async fn update_with_nothing_to_change(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let same: User = repo.update(&Changed { id: 2, name: None, age: None }).await?;
    let nobody = repo.update::<User>(&Changed { id: 9, name: None, age: None }).await;
    Ok(json!([same, seen(nobody)]))
}

async fn update_all_and_delete_all_count(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let counts = [
        repo.update_all(users::table, users::age.eq(users::age + 1)).await?,
        repo.update_all(users::table.find(1), (users::name.eq("A"), users::age.eq(None::<i32>))).await?,
        repo.update_all(users::table.find(9), users::name.eq("x")).await?,
        repo.delete_all(users::table.filter(users::name.eq("A"))).await?,
        repo.delete_all(users::table).await?,
        repo.delete_all(users::table).await?,
    ];
    Ok(json!(counts))
}

async fn delete_takes_one_row(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let ada: User = repo.get(users::table, 1).required().await?;
    let counts = [repo.delete(&ada).await?, repo.delete(&ada).await?];
    Ok(json!([counts, repo.count(users::table).await?]))
}

async fn execute_takes_any_statement(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let rows = vec![named("Eve"), NewUser { name: "Dan", email: None, age: Some(4) }];
    let posts = vec![
        (posts::id.eq(1), posts::user_id.eq(1), posts::title.eq("One")),
        (posts::id.eq(2), posts::user_id.eq(1), posts::title.eq("Two")),
    ];
    let again = diesel::insert_into(posts::table)
        .values(&posts)
        .on_conflict(posts::id)
        .do_update()
        .set(posts::title.eq(excluded(posts::title)));
    let counts = [
        repo.execute(diesel::update(users::table.find(1)).set(users::name.eq("A"))).await?,
        repo.execute(diesel::sql_query("UPDATE users SET age = 1")).await?,
        repo.execute(diesel::insert_into(users::table).values(&rows)).await?,
        repo.execute(diesel::insert_into(posts::table).values(&posts)).await?,
        repo.execute(again).await?,
        repo.execute(diesel::insert_or_ignore_into(posts::table).values(&posts)).await?,
        repo.execute(diesel::sql_query(
            "WITH n(x) AS (SELECT 5) INSERT INTO users (name) SELECT 'n' || x FROM n",
        ))
        .await?,
    ];
    let bad = seen(repo.execute(diesel::sql_query("UPDATE nothing SET x = 1")).await);
    let all: Vec<User> = repo.all(users::table.order(users::id)).await?;
    Ok(json!([counts, bad, all]))
}

async fn returning_gives_rows(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let mut all: Vec<User> = repo.returning(diesel::update(users::table).set(users::age.eq(1))).await?;
    all.sort_by_key(|user| user.id);
    let insert = diesel::insert_into(users::table).values(named("Eve")).returning(users::id);
    let id: i32 = repo.returning_one(insert).await?;
    let nobody = diesel::delete(users::table.find(9)).returning(User::as_returning());
    let nobody = seen(repo.returning_one(nobody).await);
    let many = diesel::update(users::table).set(users::age.eq(2)).returning(users::id);
    let many = seen(repo.returning_one::<i32>(many).await);
    let ages: Vec<Option<i32>> = repo.all(users::table.select(users::age).distinct()).await?;
    Ok(json!([all, id, nobody, many, ages]))
}

async fn batch_is_all_or_nothing(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let rows = vec![named("Eve"), named("Dan")];
    let counts = repo
        .batch()
        .execute(diesel::update(users::table).set(users::age.eq(1)))
        .execute(diesel::insert_into(users::table).values(&rows))
        .execute(diesel::delete(users::table.find(9)))
        .await?;
    let failed = repo
        .batch()
        .execute(diesel::delete(users::table))
        .execute(diesel::insert_into(users::table).values(users::name.eq("nobody")))
        .await;
    let empty = repo.batch().await?;
    Ok(json!([counts, seen(failed), empty, repo.count(users::table).await?]))
}

async fn what_would_change_the_connection_is_refused(repo: Repo) -> Result<Value, Error> {
    let mut all = Vec::new();
    for text in [
        "PRAGMA foreign_keys = OFF",
        "ATTACH 'x.db' AS x",
        "CREATE TEMP TABLE t (a)",
        "COMMIT",
        "SAVEPOINT x",
    ] {
        all.push(seen(repo.execute(diesel::sql_query(text)).await));
    }
    repo.execute(diesel::sql_query("PRAGMA user_version = 5")).await?;
    let version: Vec<i32> =
        repo.all(diesel::dsl::sql::<diesel::sql_types::Integer>("PRAGMA user_version")).await?;
    Ok(json!([all, version]))
}

async fn acknowledgement_and_position(repo: Repo) -> Result<Value, Error> {
    let committed: User = repo.insert(users::table, named("a")).ack(Ack::Committed).await?;
    let timeout = Duration::from_secs(5);
    let (visible, position): (User, _) =
        repo.insert(users::table, named("b")).ack(Ack::Visible).timeout(timeout).with_position().await?;
    let (counts, later) = repo.batch().execute(diesel::delete(users::table.find(1))).with_position().await?;
    let forward = later.txid > position.txid || (later.txid, position.txid) == (0, 0);
    Ok(json!([committed, visible, counts, forward]))
}

async fn a_deferred_key_fails_the_commit(repo: Repo) -> Result<Value, Error> {
    repo.execute(diesel::sql_query("DROP TABLE posts")).await?;
    repo.execute(diesel::sql_query(
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id) \
         DEFERRABLE INITIALLY DEFERRED, title TEXT NOT NULL)",
    ))
    .await?;
    let post = |user: i32| {
        repo.execute(
            diesel::insert_into(posts::table).values((posts::user_id.eq(user), posts::title.eq("x"))),
        )
    };
    let alone = seen(post(9).await);
    let user = diesel::insert_into(users::table).values((users::id.eq(9), users::name.eq("late")));
    let cured = repo
        .batch()
        .execute(diesel::insert_into(posts::table).values((posts::user_id.eq(9), posts::title.eq("y"))))
        .execute(user)
        .await?;
    Ok(json!([alone, cured, repo.count(posts::table).await?]))
}

async fn conflict_rollback_takes_only_itself(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let inserts = (0..20).map(|i| {
        let sql = match i % 4 {
            0 => "INSERT OR ROLLBACK INTO users (id, name) VALUES (1, 'twice')".to_owned(),
            _ => format!("INSERT INTO users (id, name) VALUES ({}, 'x')", 100 + i),
        };
        repo.execute(diesel::sql_query(sql))
    });
    let results = futures::future::join_all(inserts).await;
    let results: Vec<Value> = results.into_iter().map(seen).collect();
    Ok(json!([results, repo.count(users::table).await?]))
}

async fn ddl_is_seen_at_once(repo: Repo) -> Result<Value, Error> {
    repo.execute(diesel::sql_query("ALTER TABLE users ADD COLUMN note TEXT DEFAULT 'none'")).await?;
    let _: User = repo.insert(users::table, named("a")).await?;
    let notes: Vec<String> =
        repo.all(users::table.select(diesel::dsl::sql::<diesel::sql_types::Text>("note"))).await?;
    repo.execute(diesel::sql_query("ALTER TABLE users DROP COLUMN note")).await?;
    let gone =
        repo.all::<String>(users::table.select(diesel::dsl::sql::<diesel::sql_types::Text>("note"))).await;
    Ok(json!([notes, seen(gone)]))
}
