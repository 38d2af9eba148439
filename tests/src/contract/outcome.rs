//! What a call ended with, as JSON that is equal wherever the call ran.

use diesel::result::Error as DieselError;
use litefs_diesel::Error;
use serde_json::{Value, json};

/// An error of the library. Its `outcome` says what is known: `rejected` and `not_executed` changed
/// nothing, `committed` is done, `unknown` may be; a read is `read`.
#[must_use]
pub fn of(error: &Error) -> Value {
    let (outcome, detail) = match error {
        Error::Rejected(error) => ("rejected", diesel(error)),
        Error::Read(error) => ("read", diesel(error)),
        Error::NotDecoded(error) => ("not_decoded", diesel(error)),
        Error::NotExecuted(why) => ("not_executed", json!(why.to_string())),
        Error::NotFound => ("not_found", Value::Null),
        Error::TooManyRows => ("too_many_rows", Value::Null),
        Error::CommittedNotVisible { .. } => ("committed", json!("not visible")),
        Error::CommittedNotReplicated { have, missing, .. } => ("committed", json!([have, missing])),
        Error::CommittedNotKept { .. } => ("committed", json!("not kept")),
        Error::CommittedNotDecoded { source, .. } => ("committed", diesel(source)),
        Error::Lost { .. } => ("lost", Value::Null),
        Error::Unknown { why } => ("unknown", json!(why)),
        other => ("other", json!(other.to_string())),
    };
    json!({ "outcome": outcome, "detail": detail })
}

/// An error of Diesel: kind and message where the database has given it.
#[must_use]
pub fn diesel(error: &DieselError) -> Value {
    match litefs_diesel::outcome(error) {
        Some(error) => of(error),
        None => match error {
            DieselError::DatabaseError(kind, info) => json!([format!("{kind:?}"), info.message()]),
            other => json!(other.to_string()),
        },
    }
}
