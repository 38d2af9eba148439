//! SQL types of an application's own.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::prelude::*;
use diesel::row::{Field, NamedRow, Row};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use serde::Serialize;

/// An enum that is stored as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
#[allow(missing_docs)]
pub enum Color {
    Red,
    Green,
}

impl ToSql<Text, Sqlite> for Color {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(match self {
            Self::Red => "red",
            Self::Green => "green",
        });
        Ok(IsNull::No)
    }
}

impl FromSql<Text, Sqlite> for Color {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        match <String as FromSql<Text, Sqlite>>::from_sql(value)?.as_str() {
            "red" => Ok(Self::Red),
            "green" => Ok(Self::Green),
            other => Err(format!("{other} is no color").into()),
        }
    }
}

/// A number of cents that is stored as one integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, AsExpression, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub struct Cents(pub i64);

impl ToSql<BigInt, Sqlite> for Cents {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        <i64 as ToSql<BigInt, Sqlite>>::to_sql(&self.0, out)
    }
}

impl FromSql<BigInt, Sqlite> for Cents {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(<i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?))
    }
}

/// A value that refuses to be written: what Diesel says before the statement runs.
#[derive(Debug, Clone, Copy, AsExpression)]
#[diesel(sql_type = Text)]
pub struct Unwritable;

impl ToSql<Text, Sqlite> for Unwritable {
    fn to_sql<'b>(&'b self, _out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        Err("this value cannot be written".into())
    }
}

/// A row of any shape: its column names, and each value as text, `None` for NULL.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AnyRow {
    pub columns: Vec<String>,
    pub values: Vec<Option<String>>,
}

impl QueryableByName<Sqlite> for AnyRow {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        let mut any = Self { columns: Vec::new(), values: Vec::new() };
        for index in 0..row.field_count() {
            let field = Row::get(row, index).ok_or("a field below the count is missing")?;
            any.columns.push(field.field_name().unwrap_or_default().to_owned());
            any.values.push(match field.value() {
                Some(value) => Some(<String as FromSql<Text, Sqlite>>::from_sql(value)?),
                None => None,
            });
        }
        Ok(any)
    }
}
