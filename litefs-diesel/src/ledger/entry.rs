//! What the ledger keeps of a write.

use std::borrow::Cow;

use diesel::result::{Error, QueryResult};
use serde::{Deserialize, Serialize};

use crate::error::DatabaseError;
use crate::request::Written;
use crate::value::ValueRef;

/// How a write ended, as its entry has it. New ones are added at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stored<'a> {
    /// It is done, and this is what it gave, without its position; or a procedure's own error, with
    /// which nothing was done.
    Done(Cow<'a, Written>),
    /// It is done, and what it gave was too large to keep.
    NotKept,
    /// The database said no, and nothing changed.
    Rejected(Cow<'a, DatabaseError>),
    /// Nobody found it before it was ended: it did not run, and will not.
    Ended,
    /// The idempotency key of this name was another request's, and nothing changed.
    KeyReused(Cow<'a, str>),
}

/// One write of a client, in the row of its commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    pub(super) sequence: u64,
    /// Of the request; a hash is evenly spread, and would be longer as a variable-length number.
    #[serde(with = "postcard::fixint::le")]
    pub(super) hash: u64,
    pub(super) stored: Stored<'a>,
}

impl Stored<'_> {
    /// The same, or [`Stored::NotKept`] when what it gave takes more than so many bytes.
    fn within(&self, limit: usize) -> Stored<'_> {
        match self {
            // Without encoding it first: it may be very large.
            Self::Done(written) if size(written) > limit => Stored::NotKept,
            Self::Done(written) => Stored::Done(Cow::Borrowed(written)),
            Self::NotKept => Stored::NotKept,
            Self::Rejected(error) => Stored::Rejected(Cow::Borrowed(error)),
            Self::Ended => Stored::Ended,
            Self::KeyReused(key) => Stored::KeyReused(Cow::Borrowed(key)),
        }
    }

    pub(super) fn encode(&self, limit: usize) -> QueryResult<Vec<u8>> {
        postcard::to_allocvec(&self.within(limit)).map_err(wrong)
    }

    pub(super) fn decode(bytes: &[u8]) -> QueryResult<Stored<'static>> {
        postcard::from_bytes(bytes).map_err(damaged)
    }
}

/// About how many bytes a result takes: its rows and replies, which alone are ever large.
fn size(written: &Written) -> usize {
    let rows = written.outcomes.iter().filter_map(|outcome| outcome.rows.as_ref());
    let rows: usize = rows.map(|rows| rows.values.byte_len() + rows.columns.len() * 8).sum();
    let reply = written.reply.as_ref().map_or(0, |reply| reply.bytes().len());
    rows + reply + written.outcomes.len()
}

impl Entry<'_> {
    /// Appends it to those of the same row.
    pub(super) fn append(&self, row: &mut Vec<u8>, limit: usize) -> QueryResult<()> {
        let Self { sequence, hash, stored } = self;
        let entry = Entry { sequence: *sequence, hash: *hash, stored: stored.within(limit) };
        *row = postcard::to_extend(&entry, std::mem::take(row)).map_err(wrong)?;
        Ok(())
    }

    /// The one of a sequence in a row, if it is there.
    pub(super) fn find(mut row: &[u8], sequence: u64) -> QueryResult<Option<Entry<'static>>> {
        while !row.is_empty() {
            let (entry, rest) = postcard::take_from_bytes::<Entry<'static>>(row).map_err(damaged)?;
            if entry.sequence == sequence {
                return Ok(Some(entry));
            }
            row = rest;
        }
        Ok(None)
    }
}

/// The entries of a row of `__litefs_diesel_writes`, for tests that look at a file: of each write its
/// sequence, and the whole numbers that it returned.
#[doc(hidden)]
pub fn entries_of(mut row: &[u8]) -> QueryResult<Vec<(u64, Vec<i64>)>> {
    let mut entries = Vec::new();
    while !row.is_empty() {
        let (entry, rest) = postcard::take_from_bytes::<Entry<'static>>(row).map_err(damaged)?;
        let outcomes = match &entry.stored {
            Stored::Done(written) => written.outcomes.as_slice(),
            _ => &[],
        };
        let values =
            outcomes.iter().filter_map(|outcome| outcome.rows.as_ref()).flat_map(|rows| rows.values.iter());
        let numbers = values.filter_map(|value| match value {
            ValueRef::Integer(number) => Some(number),
            _ => None,
        });
        entries.push((entry.sequence, numbers.collect()));
        row = rest;
    }
    Ok(entries)
}

fn wrong(error: postcard::Error) -> Error {
    Error::SerializationError(Box::new(error))
}

fn damaged(error: postcard::Error) -> Error {
    Error::DeserializationError(format!("the ledger has an entry that cannot be read: {error}").into())
}
