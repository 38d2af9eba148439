//! What a case saw, as JSON that is equal when what was seen is equal.

use std::error::Error as _;

use diesel::QueryResult;
use diesel::result::Error;
use serde::Serialize;
use serde_json::{Value, json};

/// A value as JSON.
///
/// # Panics
/// When it cannot be written as JSON: then the case is wrong.
pub fn shown(value: impl Serialize) -> Value {
    serde_json::to_value(value).expect("what a case observes can be written as JSON")
}

/// What a call gave: `{"ok": …}` or what [`error`] says.
pub fn seen<T: Serialize>(result: QueryResult<T>) -> Value {
    match result {
        Ok(value) => json!({ "ok": shown(value) }),
        Err(why) => error(&why),
    }
}

/// An error: its kind, its message, and whatever else Diesel knows about it.
#[must_use]
pub fn error(error: &Error) -> Value {
    match error {
        Error::DatabaseError(kind, info) => json!({
            "database error": format!("{kind:?}"),
            "message": info.message(),
            "more": [info.details(), info.hint(), info.table_name(), info.column_name(), info.constraint_name()],
        }),
        other => {
            let debug = format!("{other:?}");
            let variant = debug.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let mut causes = Vec::new();
            let mut cause = other.source();
            while let Some(inner) = cause {
                causes.push(inner.to_string());
                cause = inner.source();
            }
            json!({ "error": variant, "message": other.to_string(), "causes": causes })
        }
    }
}

/// A float with all its bits, which JSON would lose for NaN, infinities and -0.0.
#[must_use]
pub fn bits(value: f64) -> Value {
    json!(format!("{value} {:016x}", value.to_bits()))
}

/// Bytes: short ones in full, long ones by length and a sum over all of them (FNV-1a, which is
/// the same on every machine and in every release).
#[must_use]
pub fn bytes(value: &[u8]) -> Value {
    if value.len() <= 64 {
        return json!(value.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    let sum = value
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
    json!({ "bytes": value.len(), "fnv1a": format!("{sum:016x}") })
}
