//! The application's own name for a write: what it stands for, and for how long.

use std::time::Duration;

use diesel::result::Error as DieselError;
use sha2::{Digest, Sha256};

use crate::request::{Key, ProcedureCall, Work, Write};
use crate::statement::varying::marked;
use crate::statement::{Statement, Want};
use crate::value::ValueRef;

/// How long a key may be, in bytes: it is the key of a row in the database.
const LONGEST: usize = 255;
/// For how long a key is kept when nobody says: longer than any retry by a queue or a person's second
/// try, and a day's keys are a bounded table.
const KEEP: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest that a key may be kept.
const KEEP_MOST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What a call says of its key.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyTerms {
    pub(super) name: Option<String>,
    pub(super) keep: Option<Duration>,
}

/// Why a key cannot be one. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum BadKey {
    #[error(
        "an idempotency key has 1 to {LONGEST} bytes, and this one has {0}: use an id of the request, or a hash"
    )]
    Length(usize),
    #[error(
        "an idempotency key is kept (`keep_key`) for more than 0 s and at most 366 days, and not for {0:?}"
    )]
    Keep(Duration),
    #[error(
        "`{0}` runs outside of any transaction, and so nothing can be entered with it: it cannot have an \
         idempotency key"
    )]
    Alone(String),
}

impl KeyTerms {
    /// The key of this write.
    pub(super) fn key(self, write: &Write) -> Result<Option<Key>, DieselError> {
        let Some(name) = self.name else { return Ok(None) };
        let keep = self.keep.unwrap_or(KEEP);
        let bad = if name.is_empty() || name.len() > LONGEST {
            BadKey::Length(name.len())
        } else if keep.is_zero() || keep > KEEP_MOST {
            BadKey::Keep(keep)
        } else if write.alone {
            BadKey::Alone(write.text().to_owned())
        } else {
            return Ok(Some(Key { name, hash: hash(&write.work), keep }));
        };
        Err(DieselError::QueryBuilderError(Box::new(bad)))
    }
}

/// What a request is known by under its key: the same for every process, platform and release of this
/// library, because it is compared with what another one has entered.
///
/// It is the first half of a SHA-256 of these bytes, where a number is 8 bytes, little-endian, and a
/// text its length and its bytes:
/// - `litefs-diesel key 1` and a zero;
/// - for statements `S`, their number, and of each: its text (with the marks of what varies); `c`, `r` or
///   `b` for what is wanted of it (count, rows, nothing); the number of its binds, and of each `v`
///   when it varies, or else `n` (NULL), `i` and the number, `f` and the bits of the float,
///   `t` and the text, `x` and the blob;
/// - for a procedure's call `P`, the text of its name, its version, and the text of its arguments.
fn hash(work: &Work) -> [u8; 16] {
    let mut hash = Input(Sha256::new());
    hash.0.update(b"litefs-diesel key 1\0");
    match work {
        Work::Statements(statements) => {
            hash.tag(b'S');
            hash.number(statements.len() as u64);
            statements.iter().for_each(|statement| hash.statement(statement));
        }
        Work::Call(ProcedureCall { name, version, args }) => {
            hash.tag(b'P');
            hash.text(name.as_bytes());
            hash.number(u64::from(*version));
            hash.text(args);
        }
        // It runs outside of any transaction, and so has no key.
        Work::Migrate(_) => hash.tag(b'M'),
    }
    let whole: [u8; 32] = hash.0.finalize().into();
    let mut half = [0; 16];
    half.copy_from_slice(&whole[..16]);
    half
}

struct Input(Sha256);

impl Input {
    fn statement(&mut self, Statement { sql, binds, want, cacheable: _ }: &Statement) {
        self.text(sql.as_bytes());
        self.tag(match want {
            Want::Count => b'c',
            Want::Rows => b'r',
            Want::Batch => b'b',
        });
        self.number(binds.len() as u64);
        let varies = marked(sql);
        for (index, bind) in binds.iter().enumerate() {
            if varies.get(index).copied().unwrap_or_default() {
                self.tag(b'v');
            } else {
                self.value(bind);
            }
        }
    }

    fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.tag(b'n'),
            ValueRef::Integer(integer) => {
                self.tag(b'i');
                self.0.update(integer.to_le_bytes());
            }
            ValueRef::Real(real) => {
                self.tag(b'f');
                self.number(real.to_bits());
            }
            ValueRef::Text(bytes) => {
                self.tag(b't');
                self.text(bytes);
            }
            ValueRef::Blob(bytes) => {
                self.tag(b'x');
                self.text(bytes);
            }
        }
    }

    fn tag(&mut self, tag: u8) {
        self.0.update([tag]);
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn text(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sql: &str, binds: &[ValueRef<'_>]) -> Work {
        let binds = binds.iter().copied().collect();
        Work::Statements(vec![Statement { sql: sql.into(), binds, cacheable: true, want: Want::Count }])
    }

    fn hex(work: &Work) -> String {
        hash(work).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What was computed once must be computed for ever: keys that are kept would else name another
    /// request after an upgrade. Counted by hand with another SHA-256, from the bytes that `hash`
    /// describes.
    #[test]
    fn the_hash_is_the_one_that_is_described() {
        let all = [
            ValueRef::Null,
            ValueRef::Integer(-2),
            ValueRef::Real(0.5),
            ValueRef::Text("ü".as_bytes()),
            ValueRef::Blob(&[0, 255]),
        ];
        let sql = "INSERT INTO t VALUES (?, ?, ?, ?, ?, /*<varying>*/?/*</varying>*/)";
        let binds: Vec<_> = all.into_iter().chain([ValueRef::Integer(7)]).collect();
        assert_eq!(hex(&statement(sql, &binds)), "2d75d57e5576a42a3f2d56e5e3fad6b4");
        let call = ProcedureCall { name: "transfer".into(), version: 2, args: vec![1, 2, 3] };
        assert_eq!(hex(&Work::Call(call)), "791b5e54a33a532cc2e146a92a32d478");
    }

    #[test]
    fn values_that_only_look_the_same_are_others() {
        let one = |value| hash(&statement("VALUES (?)", &[value]));
        let values = [
            ValueRef::Null,
            ValueRef::Integer(1),
            ValueRef::Real(1.0),
            ValueRef::Text(b"1"),
            ValueRef::Blob(b"1"),
            ValueRef::Text(b""),
            ValueRef::Blob(b""),
        ];
        for (i, a) in values.iter().enumerate() {
            for (j, b) in values.iter().enumerate() {
                assert_eq!(one(*a) == one(*b), i == j, "{a:?} and {b:?}");
            }
        }
        let pair = |a, b| hash(&statement("VALUES (?, ?)", &[ValueRef::Text(a), ValueRef::Text(b)]));
        assert_ne!(pair(b"ab", b"c"), pair(b"a", b"bc"));
    }

    #[test]
    fn whether_a_statement_stays_prepared_is_no_part_of_it() {
        let Work::Statements(mut statements) = statement("DELETE FROM t", &[]) else { unreachable!() };
        let before = hash(&Work::Statements(statements.clone()));
        statements[0].cacheable = false;
        assert_eq!(hash(&Work::Statements(statements)), before);
    }
}
