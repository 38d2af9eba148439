//! What the ledger keeps of a write.

use std::borrow::Cow;

use diesel::result::{Error, QueryResult};
use serde::{Deserialize, Serialize};

use crate::error::DatabaseError;
use crate::request::Written;
use crate::statement::{Outcome, Session};
use crate::value::ValueRef;

/// How a write ended.
#[derive(Clone, Debug, PartialEq)]
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

/// The same as it is written down. New ones are added at the end.
#[derive(Serialize, Deserialize)]
enum Form<'a> {
    /// Done: one statement, which gave nothing but its count. What most writes are, in two bytes:
    /// the pages that a commit writes are what the ledger costs.
    Count(u64),
    Done(Cow<'a, Written>),
    NotKept,
    Rejected(Cow<'a, DatabaseError>),
    Ended,
    KeyReused(Cow<'a, str>),
}

/// One write of a client, in the row of its commit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry<'a> {
    pub(super) sequence: u64,
    /// Half of the request's: enough to find the mistake of an id that is used twice.
    hash: u32,
    pub(super) stored: Stored<'a>,
}

/// The same as it is written down.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    /// From the sequence of the entry before it.
    step: i64,
    /// A hash is evenly spread, and would be longer as a variable-length number.
    #[serde(with = "postcard::fixint::le")]
    hash: u32,
    #[serde(borrow)]
    form: Form<'a>,
}

impl Stored<'_> {
    /// What is written down: without what it gave when that takes more than so many bytes.
    fn form(&self, limit: usize) -> Form<'_> {
        match self {
            // Without encoding it first: it may be very large.
            Self::Done(written) if size(written) > limit => Form::NotKept,
            Self::Done(written) => match count(written) {
                Some(count) => Form::Count(count),
                None => Form::Done(Cow::Borrowed(written)),
            },
            Self::NotKept => Form::NotKept,
            Self::Rejected(error) => Form::Rejected(Cow::Borrowed(error)),
            Self::Ended => Form::Ended,
            Self::KeyReused(key) => Form::KeyReused(Cow::Borrowed(key)),
        }
    }

    pub(super) fn encode(&self, limit: usize) -> QueryResult<Vec<u8>> {
        postcard::to_allocvec(&self.form(limit)).map_err(wrong)
    }

    pub(super) fn decode(bytes: &[u8]) -> QueryResult<Stored<'static>> {
        postcard::from_bytes(bytes).map(Form::into_stored).map_err(damaged)
    }
}

impl Form<'_> {
    fn into_stored(self) -> Stored<'static> {
        match self {
            Self::Count(count) => {
                let outcomes = vec![Outcome { count, rows: None }];
                Stored::Done(Cow::Owned(Written { outcomes, ..Written::default() }))
            }
            Self::Done(written) => Stored::Done(Cow::Owned(written.into_owned())),
            Self::NotKept => Stored::NotKept,
            Self::Rejected(error) => Stored::Rejected(Cow::Owned(error.into_owned())),
            Self::Ended => Stored::Ended,
            Self::KeyReused(key) => Stored::KeyReused(Cow::Owned(key.into_owned())),
        }
    }
}

/// What a write gave, when it was one count and nothing else.
fn count(written: &Written) -> Option<u64> {
    // Its position is not kept in any case.
    let Written { outcomes, reply: None, session, position: _ } = written else { return None };
    match outcomes.as_slice() {
        [Outcome { count, rows: None }] if *session == Session::default() => Some(*count),
        _ => None,
    }
}

/// About how many bytes a result takes: its rows and replies, which alone are ever large.
fn size(written: &Written) -> usize {
    let rows = written.outcomes.iter().filter_map(|outcome| outcome.rows.as_ref());
    let rows: usize = rows.map(|rows| rows.values.byte_len() + rows.columns.len() * 8).sum();
    let reply = written.reply.as_ref().map_or(0, |reply| reply.bytes().len());
    rows + reply + written.outcomes.len()
}

impl<'a> Entry<'a> {
    pub(super) fn new(sequence: u64, hash: u64, stored: Stored<'a>) -> Self {
        Self { sequence, hash: half(hash), stored }
    }

    /// Whether it is that of a request with this hash.
    pub(super) fn is_of(&self, hash: u64) -> bool {
        self.hash == half(hash)
    }

    /// Appends it to those of the same row, of which the last one has the sequence `before`, and the
    /// first one none.
    pub(super) fn append(&self, row: &mut Vec<u8>, before: u64, limit: usize) -> QueryResult<()> {
        let step = self.sequence.wrapping_sub(before).cast_signed();
        let line = Line { step, hash: self.hash, form: self.stored.form(limit) };
        *row = postcard::to_extend(&line, std::mem::take(row)).map_err(wrong)?;
        Ok(())
    }

    /// The one of a sequence in a row, if it is there.
    pub(super) fn find(row: &[u8], sequence: u64) -> QueryResult<Option<Entry<'static>>> {
        let wanted = |entry: &QueryResult<Entry<'_>>| match entry {
            Ok(entry) => entry.sequence == sequence,
            Err(_) => true,
        };
        Entry::all(row).find(wanted).transpose()
    }

    /// Those of a row; nothing behind one that cannot be read.
    fn all(mut row: &[u8]) -> impl Iterator<Item = QueryResult<Entry<'static>>> {
        let mut sequence = 0_u64;
        std::iter::from_fn(move || {
            if row.is_empty() {
                return None;
            }
            let line = postcard::take_from_bytes::<Line<'_>>(std::mem::take(&mut row));
            Some(line.map_err(damaged).map(|(line, rest)| {
                row = rest;
                sequence = sequence.wrapping_add_signed(line.step);
                Entry { sequence, hash: line.hash, stored: line.form.into_stored() }
            }))
        })
    }
}

/// Any half of a hash is as good as the other.
#[expect(clippy::cast_possible_truncation, reason = "half of it is wanted")]
fn half(hash: u64) -> u32 {
    hash as u32
}

/// The entries of a row of `__litefs_diesel_writes`, for tests that look at a file: of each write its
/// sequence, and the whole numbers that it returned.
#[doc(hidden)]
pub fn entries_of(row: &[u8]) -> QueryResult<Vec<(u64, Vec<i64>)>> {
    let numbers = |entry: Entry<'_>| {
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
        (entry.sequence, numbers.collect())
    };
    Entry::all(row).map(|entry| entry.map(numbers)).collect()
}

fn wrong(error: postcard::Error) -> Error {
    Error::SerializationError(Box::new(error))
}

fn damaged(error: postcard::Error) -> Error {
    Error::DeserializationError(format!("the ledger has an entry that cannot be read: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_its_entries_in_whatever_order_they_came_and_most_take_seven_bytes() {
        let count = |count| Written { outcomes: vec![Outcome { count, rows: None }], ..Written::default() };
        let told = Written { session: Session { last_insert_rowid: 7, changes: 1 }, ..count(1) };
        let rejected = Stored::Rejected(Cow::Owned(DatabaseError::other("no")));
        let all = [
            (9_000_000, Stored::Done(Cow::Owned(count(1)))),
            (9_000_001, Stored::Done(Cow::Owned(count(3)))),
            (8_999_950, Stored::Done(Cow::Owned(told))),
            (u64::MAX, rejected),
            (1, Stored::Ended),
            (2, Stored::NotKept),
            (3, Stored::KeyReused(Cow::Borrowed("order"))),
        ];
        let (mut row, mut before, mut sizes) = (Vec::new(), 0, Vec::new());
        for (sequence, stored) in &all {
            let length = row.len();
            Entry::new(*sequence, u64::MAX, stored.clone()).append(&mut row, before, 100).unwrap();
            (before, sizes) = (*sequence, [sizes, vec![row.len() - length]].concat());
        }
        assert_eq!(sizes[1], 7);
        for (sequence, stored) in all {
            let found = Entry::find(&row, sequence).unwrap().unwrap();
            assert_eq!(found.stored, stored);
            assert!(found.is_of(u64::MAX) && !found.is_of(7));
        }
        assert_eq!(Entry::find(&row, 4).unwrap(), None);
        row.push(0);
        assert!(Entry::find(&row, 4).unwrap_err().to_string().contains("cannot be read"));
    }
}
