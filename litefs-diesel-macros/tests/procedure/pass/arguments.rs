//! Arguments of every kind that may travel, and references to what owns them.

use std::collections::BTreeMap;
use std::path::Path;

use diesel::prelude::*;
use litefs_diesel::{CallError, Config, DbError, litefs_repo, procedure};
use serde::{Deserialize, Serialize};

#[litefs_repo(procedures(none, owned, borrowed, aliased, r#type, packed, conn))]
pub struct Repo;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub lines: Vec<(String, u32)>,
}

type AnyResult<T> = std::result::Result<T, DbError>;

#[procedure(repo = Repo, version = 1)]
pub fn none(_: &mut SqliteConnection) -> Result<(), DbError> {
    Ok(())
}

#[procedure(repo = Repo, version = 1)]
pub fn owned(
    conn: &mut SqliteConnection,
    mut order: Order,
    by_name: BTreeMap<String, Option<i64>>,
    bytes: Vec<u8>,
    pair: (f64, [char; 2]),
) -> Result<(Order, BTreeMap<String, Option<i64>>, Vec<u8>, (f64, [char; 2])), DbError> {
    let one: i32 = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>("1")).get_result(conn)?;
    order.lines.push(("more".to_owned(), one as u32));
    Ok((order, by_name, bytes, pair))
}

#[procedure(repo = crate::Repo, version = 7)]
pub fn borrowed(
    _conn: &mut diesel::SqliteConnection,
    text: &str,
    numbers: &[i64],
    order: &Order,
    path: &'_ Path,
) -> Result<String, DbError> {
    Ok(format!("{text} {numbers:?} {order:?} {path:?}"))
}

#[procedure(repo = Repo, version = 1)]
pub(crate) fn aliased(_conn: &mut SqliteConnection, conn: i32, packed: i32, arg0: i32) -> AnyResult<i32> {
    Ok(conn + packed + arg0)
}

/// Raw names are names.
#[procedure(repo = Repo, version = 1)]
pub fn r#type(_conn: &mut SqliteConnection, r#match: u8) -> AnyResult<u8> {
    Ok(r#match)
}

/// Names that an expansion could have taken for itself.
#[procedure(repo = Repo, version = 1)]
pub fn packed(conn: &mut SqliteConnection, value: u8) -> AnyResult<u8> {
    crate::conn(conn, value)
}

#[procedure(repo = Repo, version = 1)]
pub fn conn(_: &mut SqliteConnection, error: u8) -> AnyResult<u8> {
    Ok(error)
}

async fn calls(repo: &Repo) -> Result<(), CallError<DbError>> {
    repo.none().await?;
    let order = Order { lines: Vec::new() };
    let short_lived = "text".to_owned();
    let call = repo.borrowed(&short_lived, &[1, 2], &order, Path::new("a/b"));
    drop(short_lived);
    let _: String = call.await?;
    let _: i32 = repo.aliased(1, 2, 3).await?;
    let _: u8 = repo.r#type(1).await?;
    let (_, _) = repo.owned(order, BTreeMap::new(), vec![1], (1.0, ['a', 'b'])).with_position().await?;
    repo.call::<none>(()).await?;
    let _: i32 = repo.call::<aliased>((1, 2, 3)).await?;
    Ok(())
}

fn main() {
    let _ = (calls, Config::temporary);
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    assert_eq!(aliased(&mut conn, 1, 2, 3), Ok(6));
    assert_eq!(<r#type as litefs_diesel::Procedure>::NAME, "type");
    assert_eq!(<borrowed as litefs_diesel::Procedure>::VERSION, 7);
}
