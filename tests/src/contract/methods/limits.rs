//! As much as SQLite takes.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use litefs_diesel::{Error, ReadLevel};
use serde_json::{Value, json};

use super::schema::{User, users};
use super::{Case, Repo, cases};

pub(super) const CASES: &[Case] =
    cases![twenty_thousand_rows_from_one_returning, forty_thousand_rows_in_one_insert, two_thousand_columns];

async fn twenty_thousand_rows_from_one_returning(repo: Repo) -> Result<Value, Error> {
    let rows = (1..=20_000).map(|age| (users::name.eq(format!("user {age}")), users::age.eq(age)));
    repo.insert_all(users::table, rows).await?;
    let update = diesel::update(users::table).set(users::age.eq(users::age + 1));
    let mut all: Vec<User> = repo.returning(update).await?;
    all.sort_by_key(|user| user.id);
    let right = all.iter().zip(1..).all(|(user, id)| user.id == id && user.age == Some(id + 1));
    Ok(json!([all.len(), right]))
}

async fn forty_thousand_rows_in_one_insert(repo: Repo) -> Result<Value, Error> {
    let rows = || (0..40_000).map(|i| (users::name.eq(i.to_string()), users::age.eq(i)));
    let stored: Vec<User> = repo.insert_all_returning(users::table, rows()).await?;
    let right = stored.iter().zip(0..).all(|(user, i)| (user.id, user.age) == (i + 1, Some(i)));
    repo.delete_all(users::table).await?;
    let count = repo.insert_all(users::table, rows()).await?;
    Ok(json!([right, count, repo.count(users::table).await?]))
}

/// Rows that wide can only be read by SQL text: here the first, the last and the number of values.
async fn two_thousand_columns(repo: Repo) -> Result<Value, Error> {
    #[derive(QueryableByName, serde::Serialize)]
    struct Ends {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        c0: i32,
        #[diesel(sql_type = diesel::sql_types::Integer)]
        c1999: i32,
    }
    let list = |each: &dyn Fn(usize) -> String| (0..2_000).map(each).collect::<Vec<_>>().join(", ");
    let create =
        format!("DROP TABLE IF EXISTS wide; CREATE TABLE wide ({})", list(&|i| format!("c{i} INTEGER")));
    repo.run(move |conn| Ok::<_, Error>(conn.batch_execute(&create)?)).await?;
    let insert = format!("INSERT INTO wide VALUES ({}) RETURNING *", list(&|i| i.to_string()));
    let inserted: Vec<Ends> = repo.returning(diesel::sql_query(insert)).await?;
    let mut read = Vec::new();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        read.push(repo.all::<Ends>(diesel::sql_query("SELECT * FROM wide")).at(level).await?);
    }
    let inside = repo
        .transaction(|conn| {
            Ok::<_, Error>(diesel::sql_query("UPDATE wide SET c1999 = 7 RETURNING *").load::<Ends>(conn)?)
        })
        .await?;
    let binds = list(&|_| "?".to_owned());
    let mut query = diesel::sql_query(format!("INSERT INTO wide VALUES ({binds})")).into_boxed();
    for i in 0..2_000 {
        query = query.bind::<diesel::sql_types::Integer, _>(i * 2);
    }
    let count = repo.execute(query).await?;
    let last: Vec<Ends> = repo.all(diesel::sql_query("SELECT * FROM wide WHERE rowid = 2")).await?;
    repo.execute(diesel::sql_query("DROP TABLE wide")).await?;
    Ok(json!([inserted, read, inside, count, last]))
}
