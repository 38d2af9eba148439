//! Where the writes of the fault run go, and what a node's file has in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::BigInt;

pub(super) use self::schema::{fault_accounts, fault_counters, fault_entries, fault_uniques};

/// Private, or each column would want a word.
mod schema {
    diesel::table! {
        /// A row of each write, or some. A tag may be there twice: that is what is looked for.
        fault_entries (id) {
            id -> BigInt,
            tag -> BigInt,
            counter -> Nullable<BigInt>,
            source -> Nullable<BigInt>,
            target -> Nullable<BigInt>,
            cents -> BigInt,
        }
    }

    diesel::table! {
        /// A row of each write, where a tag may be once only.
        fault_uniques (id) {
            id -> BigInt,
            tag -> BigInt,
        }
    }

    diesel::table! {
        /// How often each was counted up.
        fault_counters (id) {
            id -> BigInt,
            n -> BigInt,
        }
    }

    diesel::table! {
        /// Whose sum never changes.
        fault_accounts (id) {
            id -> BigInt,
            cents -> BigInt,
        }
    }
}

/// How many counters there are, from 1.
pub const COUNTERS: i64 = 4;

/// How many accounts there are, from 1.
pub const ACCOUNTS: i64 = 8;

/// What each account has at the beginning; more than any run can take away.
pub const CENTS: i64 = 1_000_000_000;

/// The statements that make the tables.
pub const CREATE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS fault_entries (id INTEGER PRIMARY KEY, tag INTEGER NOT NULL, counter INTEGER, \
     source INTEGER, target INTEGER, cents INTEGER NOT NULL)",
    "CREATE TABLE fault_uniques (id INTEGER PRIMARY KEY, tag INTEGER NOT NULL UNIQUE)",
    "CREATE TABLE fault_counters (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)",
    "CREATE TABLE fault_accounts (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL CHECK (cents >= 0))",
    "INSERT INTO fault_counters VALUES (1, 0), (2, 0), (3, 0), (4, 0)",
    "INSERT INTO fault_accounts SELECT value, 1000000000 FROM json_each('[1,2,3,4,5,6,7,8]')",
];

/// A row of `fault_entries` without its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Queryable, Insertable)]
#[diesel(table_name = fault_entries)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Entry {
    pub tag: i64,
    pub counter: Option<i64>,
    pub source: Option<i64>,
    pub target: Option<i64>,
    pub cents: i64,
}

impl Entry {
    /// One that has a tag and nothing else.
    #[must_use]
    pub fn of(tag: i64) -> Self {
        Self { tag, counter: None, source: None, target: None, cents: 0 }
    }
}

/// What a node's file has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// In the order in which they were written; behind them those of `fault_uniques`, which have only a tag.
    pub entries: Vec<Entry>,
    /// The tag and the id of each of them.
    pub ids: BTreeSet<(i64, i64)>,
    /// By number.
    pub counters: BTreeMap<i64, i64>,
    /// By number.
    pub accounts: BTreeMap<i64, i64>,
    /// How many rows each other table has, the library's own.
    pub others: BTreeMap<String, i64>,
}

impl Contents {
    /// What there is before anything was written.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            counters: (1..=COUNTERS).map(|counter| (counter, 0)).collect(),
            accounts: (1..=ACCOUNTS).map(|account| (account, CENTS)).collect(),
            ..Self::default()
        }
    }

    /// Reads a file, with a connection of its own and without the library, in one snapshot.
    ///
    /// # Errors
    /// As Diesel gives them.
    pub fn read(file: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let mut conn = SqliteConnection::establish(&format!("file:{}?mode=ro", file.display()))?;
        diesel::connection::SimpleConnection::batch_execute(&mut conn, "PRAGMA busy_timeout = 5000")?;
        Ok(conn.transaction(Self::load)?)
    }

    fn load(conn: &mut SqliteConnection) -> QueryResult<Self> {
        use fault_entries::columns::{cents, counter, id, source, tag, target};
        let entries = fault_entries::table.order(id).select((tag, counter, source, target, cents));
        let mut entries: Vec<Entry> = entries.load(conn)?;
        let uniques = fault_uniques::table.order(fault_uniques::id);
        entries.extend(uniques.select(fault_uniques::tag).load(conn)?.into_iter().map(Entry::of));
        let mut ids: BTreeSet<_> = fault_entries::table.select((tag, id)).load(conn)?.into_iter().collect();
        ids.extend(uniques.select((fault_uniques::tag, fault_uniques::id)).load::<(i64, i64)>(conn)?);
        let names = diesel::sql_query(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'fault\\_%' ESCAPE '\\'",
        );
        let mut others = BTreeMap::new();
        for Name { name } in names.load(conn)? {
            let count = format!("SELECT count(*) AS n FROM \"{}\"", name.replace('"', "\"\""));
            let Count { n } = diesel::sql_query(count).get_result(conn)?;
            others.insert(name, n);
        }
        Ok(Self {
            entries,
            ids,
            counters: fault_counters::table.load::<(i64, i64)>(conn)?.into_iter().collect(),
            accounts: fault_accounts::table.load::<(i64, i64)>(conn)?.into_iter().collect(),
            others,
        })
    }
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = diesel::sql_types::Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_just_made_reads_as_fresh() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app.db");
        let mut conn = SqliteConnection::establish(&file.to_string_lossy()).unwrap();
        for statement in CREATE {
            diesel::sql_query(*statement).execute(&mut conn).unwrap();
        }
        assert_eq!(Contents::read(&file).unwrap(), Contents::fresh());
    }
}
