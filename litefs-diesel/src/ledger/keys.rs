//! The application's own names for writes, which outlive the process that gave them.

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use super::clock::millis;
use super::entry::Stored;
use super::tables::{self, integer, keys, number};
use super::writer::Ledger;
use crate::request::Key;

/// How many keys that are over one that comes takes away: more than one, so that they get fewer.
const EXPIRED: i64 = 8;

/// What the ledger says of a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum KeyFound {
    /// Nothing was done under it, or its time is over.
    Absent,
    Stored(Stored<'static>),
    /// It was given to another request.
    Reused,
}

impl Ledger {
    pub(crate) fn find_key(&mut self, conn: &mut SqliteConnection, key: &Key) -> QueryResult<KeyFound> {
        self.check(conn)?;
        if !self.tables.keys {
            return Ok(KeyFound::Absent);
        }
        let row: Option<(Vec<u8>, i64, Vec<u8>)> = keys::table
            .find(&key.name)
            .select((keys::hash, keys::expires, keys::entry))
            .first(conn)
            .optional()?;
        Ok(match row {
            None => KeyFound::Absent,
            Some((_, expires, _)) if number(expires) <= self.now() => KeyFound::Absent,
            Some((hash, ..)) if hash != key.hash => KeyFound::Reused,
            Some((_, _, entry)) => KeyFound::Stored(Stored::decode(&entry)?),
        })
    }

    /// Enters what was done under a key that [`Ledger::find_key`] has just called absent.
    pub(crate) fn enter_key(
        &mut self,
        conn: &mut SqliteConnection,
        key: &Key,
        stored: &Stored<'_>,
    ) -> QueryResult<()> {
        self.check(conn)?;
        if !self.tables.keys {
            self.pending.before.get_or_insert(self.tables);
            tables::make_keys(conn)?;
            self.tables.keys = true;
        }
        let now = self.now();
        expire(conn, now, EXPIRED)?;
        let expires = now.saturating_add(millis(key.keep));
        let entry = stored.encode(self.rules.result)?;
        diesel::replace_into(keys::table)
            .values((
                keys::name.eq(&key.name),
                keys::hash.eq(key.hash.as_slice()),
                keys::expires.eq(integer(expires)),
                keys::entry.eq(entry),
            ))
            .execute(conn)?;
        if !self.rules.ids {
            // No round writes it down.
            diesel::update(tables::ledger::table)
                .set(tables::ledger::clock.eq(integer(now)))
                .execute(conn)?;
        }
        self.pending.written = true;
        Ok(())
    }
}

/// Takes away some of the keys whose time is over.
pub(super) fn expire(conn: &mut SqliteConnection, now: u64, most: i64) -> QueryResult<()> {
    diesel::sql_query(
        "DELETE FROM __litefs_diesel_keys WHERE name IN (\
           SELECT name FROM __litefs_diesel_keys WHERE expires <= ? LIMIT ?)",
    )
    .bind::<BigInt, _>(integer(now))
    .bind::<BigInt, _>(most)
    .execute(conn)?;
    Ok(())
}
