//! The tables of the cases.

use diesel::prelude::*;
use serde::Serialize;

diesel::table! {
    users {
        id -> Integer,
        name -> Text,
        email -> Nullable<Text>,
        age -> Nullable<Integer>,
    }
}
diesel::table! {
    posts {
        id -> Integer,
        user_id -> Integer,
        title -> Text,
    }
}
diesel::table! {
    follows (source, target) {
        source -> Integer,
        target -> Integer,
        since -> Text,
    }
}
diesel::table! {
    things {
        id -> Integer,
        big -> Nullable<BigInt>,
        real -> Nullable<Double>,
        text -> Nullable<Text>,
        blob -> Nullable<Binary>,
    }
}
diesel::joinable!(posts -> users (user_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts);

/// Makes them anew.
pub(super) const FRESH: &str = "
    DROP TABLE IF EXISTS posts;
    DROP TABLE IF EXISTS users;
    DROP TABLE IF EXISTS follows;
    DROP TABLE IF EXISTS things;
    CREATE TABLE users (
        id INTEGER PRIMARY KEY NOT NULL,
        name TEXT NOT NULL CHECK (name <> 'nobody'),
        email TEXT UNIQUE,
        age INTEGER DEFAULT 18
    );
    CREATE TABLE posts (
        id INTEGER PRIMARY KEY NOT NULL,
        user_id INTEGER NOT NULL REFERENCES users (id),
        title TEXT NOT NULL
    );
    CREATE TABLE follows (
        source INTEGER NOT NULL, target INTEGER NOT NULL, since TEXT NOT NULL, PRIMARY KEY (source, target)
    );
    CREATE TABLE things (id INTEGER PRIMARY KEY NOT NULL, big, real REAL, text TEXT, blob BLOB);
";

#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Identifiable)]
pub(super) struct User {
    pub(super) id: i32,
    pub(super) name: String,
    pub(super) email: Option<String>,
    pub(super) age: Option<i32>,
}

#[derive(Debug, PartialEq, Serialize, Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(User))]
pub(super) struct Post {
    pub(super) id: i32,
    pub(super) user_id: i32,
    pub(super) title: String,
}

#[derive(Debug, PartialEq, Serialize, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(primary_key(source, target))]
pub(super) struct Follow {
    pub(super) source: i32,
    pub(super) target: i32,
    pub(super) since: String,
}

#[derive(Debug, Clone, Default, Insertable, AsChangeset)]
#[diesel(table_name = users)]
pub(super) struct NewUser<'a> {
    pub(super) name: &'a str,
    pub(super) email: Option<&'a str>,
    pub(super) age: Option<i32>,
}

/// A user with nothing but a name.
pub(super) fn named(name: &str) -> NewUser<'_> {
    NewUser { name, ..NewUser::default() }
}

/// Ada (1) and Bob (2).
pub(super) async fn two_users(repo: &super::Repo) -> Result<(), litefs_diesel::Error> {
    let ada = NewUser { name: "Ada", email: Some("ada@example.org"), age: Some(36) };
    repo.insert_all(users::table, [&ada, &named("Bob")]).await.map(drop)
}
