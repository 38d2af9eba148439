//! The SQL of a fragment without its binds.

use diesel::query_builder::{QueryBuilder, QueryFragment};
use diesel::result::QueryResult;
use diesel::sqlite::{Sqlite, SqliteQueryBuilder};

pub(super) fn sql_of(fragment: &dyn QueryFragment<Sqlite>) -> QueryResult<String> {
    let mut sql = SqliteQueryBuilder::new();
    fragment.to_sql(&mut sql, &Sqlite)?;
    Ok(sql.finish())
}
