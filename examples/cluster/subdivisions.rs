//! Real data: every subdivision of ISO 3166-2, from Debian's package `iso-codes`.

use std::fs::File;
use std::io::BufReader;

use diesel::prelude::*;
use litefs_diesel::Error;
use serde::Deserialize;

use crate::Repo;
use crate::models::Subdivision;
use crate::schema::subdivisions;

/// The file, as it is.
#[derive(Deserialize)]
struct IsoCodes {
    #[serde(rename = "3166-2")]
    subdivisions: Vec<Subdivision>,
}

/// All that are in the file.
pub(crate) fn read(path: &str) -> Result<Vec<Subdivision>, std::io::Error> {
    let file = BufReader::new(File::open(path)?);
    Ok(serde_json::from_reader::<_, IsoCodes>(file)?.subdivisions)
}

/// Inserts all of them, or none.
pub(crate) async fn import(repo: &Repo, all: &[Subdivision]) -> Result<usize, Error> {
    repo.insert_all(subdivisions::table, all).await
}

/// How many this node's file has.
pub(crate) async fn count(repo: &Repo) -> Result<i64, Error> {
    repo.count(subdivisions::table).await
}

/// Those of this node's file, by their codes.
pub(crate) async fn all(repo: &Repo) -> Result<Vec<Subdivision>, Error> {
    repo.all(subdivisions::table.order(subdivisions::code).select(Subdivision::as_select())).await
}

/// Some of them.
pub(crate) async fn some(repo: &Repo, codes: &[&str]) -> Result<Vec<Subdivision>, Error> {
    let rows = subdivisions::table.filter(subdivisions::code.eq_any(codes.to_vec()));
    repo.all(rows.order(subdivisions::code).select(Subdivision::as_select())).await
}
