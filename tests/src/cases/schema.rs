//! The tables that every case finds, freshly made and empty.
//!
//! All names in the database begin with `case_`: [`clean`](super::clean) drops what bears it, and
//! leaves everything else (a node's own ledger) alone.

#![allow(missing_docs)] // `table!` writes modules and structs that cannot be given any

use diesel::{allow_tables_to_appear_in_same_query, joinable, table};

/// Makes the tables below. Children stand after their parents: they are dropped in the opposite
/// order.
pub const CREATE: &str = "
CREATE TABLE case_users (
    id INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT UNIQUE,
    age INTEGER NOT NULL DEFAULT 18 CHECK (age >= 0),
    city TEXT NOT NULL DEFAULT 'Paris'
);
CREATE TABLE case_posts (
    id INTEGER NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES case_users (id),
    title TEXT NOT NULL,
    body TEXT,
    published BOOLEAN NOT NULL DEFAULT 0,
    score DOUBLE NOT NULL DEFAULT 0
);
CREATE TABLE case_comments (
    id INTEGER NOT NULL PRIMARY KEY,
    post_id INTEGER NOT NULL REFERENCES case_posts (id) ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE TABLE case_tags (
    post_id INTEGER NOT NULL,
    label TEXT NOT NULL,
    weight INTEGER NOT NULL,
    PRIMARY KEY (post_id, label)
);
CREATE TABLE case_loans (
    id INTEGER NOT NULL PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES case_users (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE case_values (
    id INTEGER NOT NULL PRIMARY KEY,
    flag BOOLEAN,
    small SMALLINT,
    whole INTEGER,
    big BIGINT,
    single FLOAT,
    double DOUBLE,
    text TEXT,
    blob BLOB,
    day DATE,
    clock TIME,
    moment TIMESTAMP,
    document TEXT
);
";

table! {
    #[sql_name = "case_users"]
    users {
        id -> Integer,
        name -> Text,
        email -> Nullable<Text>,
        age -> Integer,
        city -> Text,
    }
}

table! {
    #[sql_name = "case_posts"]
    posts {
        id -> Integer,
        user_id -> Integer,
        title -> Text,
        body -> Nullable<Text>,
        published -> Bool,
        score -> Double,
    }
}

table! {
    #[sql_name = "case_comments"]
    comments {
        id -> Integer,
        post_id -> Integer,
        body -> Text,
    }
}

table! {
    #[sql_name = "case_tags"]
    tags (post_id, label) {
        post_id -> Integer,
        label -> Text,
        weight -> Integer,
    }
}

table! {
    /// Its foreign key is looked at when the transaction commits.
    #[sql_name = "case_loans"]
    loans {
        id -> Integer,
        user_id -> Integer,
    }
}

table! {
    /// A column for each SQL type that Diesel maps to SQLite. (`values` is taken by Diesel's DSL.)
    #[sql_name = "case_values"]
    storage {
        id -> Integer,
        flag -> Nullable<Bool>,
        small -> Nullable<SmallInt>,
        whole -> Nullable<Integer>,
        big -> Nullable<BigInt>,
        single -> Nullable<Float>,
        double -> Nullable<Double>,
        text -> Nullable<Text>,
        blob -> Nullable<Binary>,
        day -> Nullable<Date>,
        clock -> Nullable<Time>,
        moment -> Nullable<Timestamp>,
        document -> Nullable<Json>,
    }
}

joinable!(posts -> users (user_id));
joinable!(comments -> posts (post_id));
joinable!(tags -> posts (post_id));
joinable!(loans -> users (user_id));
allow_tables_to_appear_in_same_query!(users, posts, comments, tags, loans);
