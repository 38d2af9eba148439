//! Rows of the cases' tables, as an application would declare them.

use diesel::prelude::*;
use diesel::sql_types;
use serde::Serialize;

use super::schema::{comments, posts, tags, users};

/// A user as it is stored.
#[derive(
    Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Identifiable, AsChangeset, QueryableByName,
)]
#[diesel(table_name = users, check_for_backend(diesel::sqlite::Sqlite))]
#[allow(missing_docs)]
pub struct User {
    pub id: i32,
    pub name: String,
    pub email: Option<String>,
    pub age: i32,
    pub city: String,
}

/// A new user; its batch inserts run row by row, because of the `Option`.
#[derive(Debug, Clone, Insertable, Default)]
#[diesel(table_name = users)]
#[allow(missing_docs)]
pub struct NewUser<'a> {
    pub id: i32,
    pub name: &'a str,
    pub email: Option<&'a str>,
    pub age: Option<i32>,
}

/// Changes to a user: `None` leaves a column as it is.
#[derive(Debug, Default, AsChangeset)]
#[diesel(table_name = users)]
#[allow(missing_docs)]
pub struct UserChange<'a> {
    pub name: Option<&'a str>,
    pub email: Option<Option<&'a str>>,
    pub age: Option<i32>,
}

/// Changes to a user: `None` is NULL.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = users, treat_none_as_null = true)]
#[allow(missing_docs)]
pub struct UserContact {
    pub email: Option<String>,
}

/// A post as it is stored.
#[derive(
    Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Identifiable, Associations, AsChangeset,
)]
#[diesel(belongs_to(User), table_name = posts, check_for_backend(diesel::sqlite::Sqlite))]
#[allow(missing_docs)]
pub struct Post {
    pub id: i32,
    pub user_id: i32,
    pub title: String,
    pub body: Option<String>,
    pub published: bool,
    pub score: f64,
}

/// A comment as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(Post), table_name = comments, check_for_backend(diesel::sqlite::Sqlite))]
#[allow(missing_docs)]
pub struct Comment {
    pub id: i32,
    pub post_id: i32,
    pub body: String,
}

/// A tag: the row, the insert and the changeset in one, with a composite key and no `Option`.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Serialize,
    Queryable,
    Selectable,
    Identifiable,
    Insertable,
    AsChangeset,
    Associations,
)]
#[diesel(belongs_to(Post), primary_key(post_id, label))]
#[diesel(table_name = tags, check_for_backend(diesel::sqlite::Sqlite))]
#[allow(missing_docs)]
pub struct Tag {
    pub post_id: i32,
    pub label: String,
    pub weight: i32,
}

impl Tag {
    /// A tag.
    #[must_use]
    pub fn new(post_id: i32, label: &str, weight: i32) -> Self {
        Self { post_id, label: label.into(), weight }
    }
}

/// A name and a number, whatever the query calls so.
#[derive(Debug, Serialize, QueryableByName)]
#[allow(missing_docs)]
pub struct Named {
    #[diesel(sql_type = sql_types::Text)]
    pub name: String,
    #[diesel(sql_type = sql_types::BigInt)]
    pub number: i64,
}

/// A number, whatever the query calls so.
#[derive(Debug, Serialize, QueryableByName)]
#[allow(missing_docs)]
pub struct Number {
    #[diesel(sql_type = sql_types::BigInt)]
    pub number: i64,
}

/// A text or none, whatever the query calls so.
#[derive(Debug, Serialize, QueryableByName)]
#[allow(missing_docs)]
pub struct Word {
    #[diesel(sql_type = sql_types::Nullable<sql_types::Text>)]
    pub word: Option<String>,
}
