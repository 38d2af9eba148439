//! The methods that read.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Text};
use futures::TryStreamExt;
use litefs_diesel::{Error, Position, ReadLevel};
use serde_json::{Value, json};

use super::schema::{Follow, Post, User, follows, named, posts, two_users, users};
use super::{Case, Repo, cases, seen};

pub(super) const CASES: &[Case] = cases![
    all_takes_tables_filters_columns_and_tuples,
    queries_may_borrow_and_be_boxed,
    joins_and_associations,
    sql_with_binds,
    one_is_none_one_or_an_error,
    get_by_key_and_by_composite_key,
    get_by_a_predicate,
    exists_and_count,
    reload_reads_the_row_again,
    stream_gives_the_rows_in_order,
    each_read_level_sees_the_write_before_it,
    a_write_is_refused_by_methods_that_read,
    a_query_that_is_wrong,
    zero_rows,
    the_same_query_many_times,
];

async fn all_takes_tables_filters_columns_and_tuples(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let all: Vec<User> = repo.all(users::table.order(users::id)).await?;
    let adults: Vec<User> =
        repo.all(users::table.filter(users::age.ge(18)).select(User::as_select())).await?;
    let names = repo.all::<String>(users::table.select(users::name).order(users::id.desc())).await?;
    let pairs: Vec<(i32, Option<String>)> =
        repo.all(users::table.select((users::id, users::email)).order(users::id)).await?;
    Ok(json!([all, adults, names, pairs]))
}

async fn queries_may_borrow_and_be_boxed(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let mut name = String::from("Bob");
    let read = repo.all::<i32>(users::table.filter(users::name.eq(&name)).select(users::id));
    name.clear();
    let borrowed = read.await?;
    let name = String::from("Ada");
    let boxed = repo.all(users::table.select(User::as_select()).into_boxed().filter(users::name.eq(&name)));
    let boxed = boxed.await?;
    let query = users::table.filter(users::name.eq(&name)).select(users::id);
    let referred = repo.one::<i32>(&query);
    Ok(json!([borrowed, boxed, referred.await?]))
}

async fn joins_and_associations(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let rows = ["One", "Two"].map(|title| (posts::user_id.eq(1), posts::title.eq(title)));
    repo.insert_all(posts::table, rows).await?;
    let joined = users::table
        .left_join(posts::table)
        .order((users::id, posts::title))
        .select((User::as_select(), Option::<Post>::as_select()));
    let joined: Vec<(User, Option<Post>)> = repo.all(joined).await?;
    let hers = Post::belonging_to(&joined[0].0).select(Post::as_select()).order(posts::id);
    let hers: Vec<Post> = repo.all(hers).await?;
    Ok(json!([joined, hers]))
}

async fn sql_with_binds(repo: Repo) -> Result<Value, Error> {
    #[derive(QueryableByName, serde::Serialize)]
    struct Row {
        #[diesel(sql_type = Integer)]
        n: i32,
        #[diesel(sql_type = Text)]
        name: String,
    }
    two_users(&repo).await?;
    let query = diesel::sql_query("SELECT id * ? AS n, name FROM users WHERE name > ? ORDER BY 1")
        .bind::<Integer, _>(7)
        .bind::<Text, _>("A");
    Ok(json!(repo.all::<Row>(query).await?))
}

async fn one_is_none_one_or_an_error(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let ids = users::table.select(users::id);
    let mut all = Vec::new();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        for id in [2, 9] {
            all.push(seen(repo.one::<i32>(ids.filter(users::id.eq(id))).at(level).await));
        }
        all.push(seen(repo.one::<i32>(ids).at(level).await));
        all.push(seen(repo.one::<i32>(ids.filter(users::id.eq(9))).required().at(level).await));
    }
    Ok(json!(all))
}

async fn get_by_key_and_by_composite_key(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let follow = Follow { source: 1, target: 2, since: "2024".into() };
    let _: Follow = repo.insert(follows::table, &follow).await?;
    let there = repo.get::<User, _>(users::table, 2).await?;
    let missing = repo.get::<User, _>(users::table, &9).await?;
    let required = seen(repo.get::<User, _>(users::table, 9).required().await);
    let pair: Option<Follow> = repo.get(follows::table, (1, 2)).await?;
    let other: Option<Follow> = repo.get(follows::table, (2, 1)).await?;
    Ok(json!([there, missing, required, pair, other]))
}

async fn get_by_a_predicate(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let bob: User = repo.get_by(users::table, users::name.eq("Bob")).required().await?;
    let both = users::name.eq("Bob").and(users::email.is_null());
    let again: Option<User> = repo.get_by(users::table, both).await?;
    let none: Option<User> = repo.get_by(users::table, users::name.eq("Eve")).await?;
    let many = seen(repo.get_by::<User, _>(users::table, users::id.gt(0)).await);
    Ok(json!([bob, again, none, many]))
}

async fn exists_and_count(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let nobody = users::table.filter(users::id.eq(9));
    let counts = [
        repo.count(users::table).await?,
        repo.count(nobody).await?,
        repo.count(users::table.limit(1)).await?,
        repo.count(users::table.left_join(posts::table)).await?,
        repo.count(users::table.select(users::age).distinct()).at(ReadLevel::Primary).await?,
        repo.count(diesel::sql_query("SELECT 1 UNION ALL SELECT 1 UNION ALL SELECT 3")).await?,
    ];
    let exists = [
        repo.exists(users::table).await?,
        repo.exists(nobody).await?,
        repo.exists(nobody).at(ReadLevel::Primary).await?,
        repo.exists(diesel::sql_query("SELECT 1 FROM users WHERE name = 'Bob'")).await?,
    ];
    Ok(json!([counts, exists]))
}

async fn reload_reads_the_row_again(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let bob: User = repo.get(users::table, 2).required().await?;
    repo.update_all(users::table.find(2), users::age.eq(77)).await?;
    let again: User = repo.reload(&bob).await?;
    repo.delete(&bob).await?;
    Ok(json!([again, seen(repo.reload::<User>(&bob).await)]))
}

async fn stream_gives_the_rows_in_order(repo: Repo) -> Result<Value, Error> {
    let rows = (1..=5_000).map(|age| (users::name.eq(format!("user {age}")), users::age.eq(age)));
    repo.insert_all(users::table, rows).await?;
    let mut sums = Vec::new();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        let rows = repo.stream::<User>(users::table.order(users::id.desc())).at(level);
        let (last, sum) = rows
            .try_fold((i32::MAX, 0_i64), |(last, sum), user| async move {
                assert!(user.id < last, "not in order");
                Ok((user.id, sum + i64::from(user.age.unwrap_or_default()) + user.name.len() as i64))
            })
            .await?;
        sums.push((last, sum));
    }
    let none: Vec<User> = repo.stream(users::table.filter(users::id.eq(-1))).try_collect().await?;
    Ok(json!([sums, none]))
}

async fn each_read_level_sees_the_write_before_it(repo: Repo) -> Result<Value, Error> {
    let mut counts = Vec::new();
    for level in [
        |_| ReadLevel::Local,
        |position: Position| ReadLevel::AtLeast(position),
        |_| ReadLevel::MaxLag(Duration::from_secs(5)),
        |_| ReadLevel::Primary,
    ] {
        let (_, position): (User, _) = repo.insert(users::table, named("Eve")).with_position().await?;
        let here = repo.position().await?;
        assert!(here.txid >= position.txid, "{here} is behind {position}");
        counts.push(repo.count(users::table).at(level(position)).timeout(Duration::from_secs(5)).await?);
    }
    Ok(json!(counts))
}

async fn a_write_is_refused_by_methods_that_read(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let gone = || diesel::delete(users::table).returning(users::id);
    let mut all = Vec::new();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        all.push(seen(repo.all::<i32>(gone()).at(level).await));
        all.push(seen(repo.one::<i32>(gone()).at(level).await));
        all.push(seen(repo.count(gone()).at(level).await));
        all.push(seen(repo.exists(gone()).at(level).await));
        all.push(seen(repo.stream::<i32>(gone()).at(level).try_collect::<Vec<_>>().await));
    }
    Ok(json!([all, repo.count(users::table).await?]))
}

async fn a_query_that_is_wrong(repo: Repo) -> Result<Value, Error> {
    let mut all = Vec::new();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        all.push(seen(repo.all::<i32>(diesel::select(sql::<Integer>("nothing"))).at(level).await));
        all.push(seen(repo.count(diesel::sql_query("SELEKT")).at(level).await));
        all.push(seen(
            repo.all::<i32>(diesel::select(sql::<Integer>("abs(-9223372036854775808)"))).at(level).await,
        ));
    }
    Ok(json!(all))
}

async fn zero_rows(repo: Repo) -> Result<Value, Error> {
    let mut all = Vec::new();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        let rows: Vec<User> = repo.all(users::table).at(level).await?;
        all.push(json!([rows, repo.count(users::table).at(level).await?]));
    }
    let updated: Vec<User> = repo.returning(diesel::update(users::table).set(users::age.eq(1))).await?;
    Ok(json!([all, updated]))
}

async fn the_same_query_many_times(repo: Repo) -> Result<Value, Error> {
    two_users(&repo).await?;
    let reads = (0..50).map(|_| repo.all::<i32>(users::table.select(users::id).order(users::id)));
    let all = futures::future::try_join_all(reads).await?;
    Ok(json!(all.iter().all(|ids| ids == &[1, 2])))
}
