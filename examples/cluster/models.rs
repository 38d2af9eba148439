//! The rows.

use diesel::prelude::*;
use serde::Deserialize;

use crate::schema::{posts, subdivisions};

/// A post, as it is in the database.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = posts)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite))]
pub(crate) struct Post {
    pub(crate) id: i32,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) published: bool,
}

/// A post that is not there yet.
#[derive(Insertable)]
#[diesel(table_name = posts)]
pub(crate) struct NewPost<'a> {
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
}

/// A part of a country that ISO 3166-2 has a code for; the names of the fields in JSON are those
/// of Debian's iso-codes.
#[derive(Clone, Debug, Deserialize, Insertable, PartialEq, Eq, PartialOrd, Ord, Queryable, Selectable)]
#[diesel(table_name = subdivisions)]
#[diesel(check_for_backend(diesel::sqlite::Sqlite))]
pub(crate) struct Subdivision {
    pub(crate) code: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) parent: Option<String>,
}
