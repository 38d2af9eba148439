//! The ledger without a writer around it.

use std::time::Duration;

use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;

use super::*;
use crate::request::{RequestId, Stamp, Written};

fn rules(keep: Duration) -> Rules {
    Rules { ids: true, result: 1_000, keep }
}

fn stamp(client: u128, sequence: u64, forgotten: u64) -> Stamp {
    Stamp { id: RequestId { client, sequence }, hash: 7, forgotten, again: false }
}

/// Does something in a transaction, and commits it.
fn commit(
    ledger: &mut Ledger,
    conn: &mut SqliteConnection,
    act: impl FnOnce(&mut Ledger, &mut SqliteConnection),
) {
    conn.batch_execute("BEGIN IMMEDIATE").unwrap();
    ledger.begin(conn, 1).unwrap();
    act(ledger, conn);
    ledger.seal(conn).unwrap();
    conn.batch_execute("COMMIT").unwrap();
    ledger.committed();
}

fn done() -> Stored<'static> {
    Stored::Done(std::borrow::Cow::Owned(Written::default()))
}

fn register(ledger: &mut Ledger, conn: &mut SqliteConnection, client: u128) {
    commit(ledger, conn, |ledger, conn| ledger.register(conn, &stamp(client, 1, 0), 0).unwrap().unwrap());
}

fn number(conn: &mut SqliteConnection, query: &str) -> i64 {
    diesel::dsl::sql::<BigInt>(query).get_result(conn).unwrap()
}

/// How `diesel print-schema` lists the tables of a database.
const PRINT_SCHEMA: &str = "SELECT name FROM sqlite_master WHERE type = 'table' \
     AND name NOT LIKE '\\_\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' ORDER BY name";

#[test]
fn print_schema_and_a_listing_that_skips_what_begins_with_two_underscores_pass_over_the_tables() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("CREATE TABLE users (id INTEGER PRIMARY KEY); CREATE INDEX by_id ON users (id)")
        .unwrap();
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    register(&mut ledger, &mut conn, 1);
    commit(&mut ledger, &mut conn, |ledger, conn| {
        let key = crate::request::Key { name: "order".into(), hash: [1; 16], keep: Duration::from_secs(60) };
        ledger.enter_key(conn, &key, &done()).unwrap();
    });
    let names = |conn: &mut SqliteConnection, query: &str| -> Vec<String> {
        diesel::dsl::sql::<diesel::sql_types::Text>(query).load(conn).unwrap()
    };
    assert_eq!(names(&mut conn, PRINT_SCHEMA), ["users"]);
    // Nothing else of ours is there under another name: no index that has one, no view, no trigger.
    let others = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' \
                  AND substr(name, 1, 16) <> '__litefs_diesel_' ORDER BY name";
    assert_eq!(names(&mut conn, others), ["by_id", "users"]);
    let ours = number(&mut conn, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_\\_%' ESCAPE '\\'");
    assert!(ours >= 4, "{ours} tables of the ledger's");
}

#[test]
fn a_file_tells_what_its_history_has_in_one_snapshot_and_without_tables_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let mut conn = SqliteConnection::establish(path).unwrap();
    let mut reader = SqliteConnection::establish(&format!("file:{path}?mode=ro")).unwrap();
    let ids = |of: &[(u128, u64)]| {
        of.iter().map(|&(client, sequence)| RequestId { client, sequence }).collect::<Vec<_>>()
    };
    assert_eq!(recall(&mut reader, &ids(&[(1, 1)])).unwrap(), [Recall::Absent]);
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    register(&mut ledger, &mut conn, 1);
    commit(&mut ledger, &mut conn, |ledger, conn| {
        for (sequence, stored) in [(3, done()), (5, done()), (6, Stored::Ended), (7, Stored::NotKept)] {
            let stamp = stamp(1, sequence, 2);
            assert_eq!(ledger.find(conn, &stamp).unwrap(), Found::Fresh);
            ledger.enter(conn, &stamp, stored).unwrap();
        }
    });
    let asked = ids(&[(1, 1), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (1, 8), (2, 3)]);
    use Recall::{Absent, Forgotten, Present};
    let expected = [Forgotten, Forgotten, Present, Absent, Present, Absent, Present, Absent, Absent];
    assert_eq!(recall(&mut reader, &asked).unwrap(), expected);
}

#[test]
fn one_commit_is_one_row_for_each_client_and_a_new_write_costs_no_query() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    register(&mut ledger, &mut conn, 1);
    register(&mut ledger, &mut conn, 2);
    let enter = |ledger: &mut Ledger, conn: &mut SqliteConnection, client, sequence| {
        let stamp = stamp(client, sequence, 0);
        assert_eq!(ledger.find(conn, &stamp).unwrap(), Found::Fresh);
        ledger.enter(conn, &stamp, done()).unwrap();
    };
    commit(&mut ledger, &mut conn, |ledger, conn| (1..=2).for_each(|client| enter(ledger, conn, client, 1)));
    let queries = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = queries.clone();
    conn.batch_execute("BEGIN IMMEDIATE").unwrap();
    ledger.begin(&mut conn, 1).unwrap();
    conn.set_instrumentation(move |event: diesel::connection::InstrumentationEvent<'_>| {
        if let diesel::connection::InstrumentationEvent::StartQuery { .. } = event {
            seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    });
    (2..=65).for_each(|sequence| enter(&mut ledger, &mut conn, 1, sequence));
    (2..=65).for_each(|sequence| enter(&mut ledger, &mut conn, 2, sequence));
    assert_eq!(queries.load(std::sync::atomic::Ordering::SeqCst), 0);
    ledger.seal(&mut conn).unwrap();
    assert_eq!(queries.load(std::sync::atomic::Ordering::SeqCst), 2);
    conn.batch_execute("COMMIT").unwrap();
    ledger.committed();
    assert_eq!(number(&mut conn, "SELECT COUNT(*) FROM __litefs_diesel_writes"), 4);
    let bytes = number(&mut conn, "SELECT MAX(LENGTH(entries)) FROM __litefs_diesel_writes");
    assert!(bytes <= 64 * 24, "{bytes} bytes for 64 writes");
}

#[test]
fn an_aged_client_with_many_rows_goes_in_parts_and_is_unknown_from_the_first_on() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    register(&mut ledger, &mut conn, 1);
    register(&mut ledger, &mut conn, 2);
    conn.batch_execute(
        "INSERT INTO __litefs_diesel_writes WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         SELECT (2 << 44) + i, i, 0, x'' FROM n; \
         UPDATE __litefs_diesel_ledger SET clock = 100000",
    )
    .unwrap();
    // A new process: its clock begins with what is stored, and client 2 was last seen at 0.
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    let mut left = 2_500;
    for sequence in 1.. {
        commit(&mut ledger, &mut conn, |ledger, conn| {
            let found = ledger.find(conn, &stamp(1, sequence, sequence - 1)).unwrap();
            assert_eq!(found, Found::Fresh);
            ledger.enter(conn, &stamp(1, sequence, sequence - 1), done()).unwrap();
        });
        let now = number(&mut conn, "SELECT COUNT(*) FROM __litefs_diesel_writes WHERE id >> 44 = 2");
        assert!(left - now <= 1_024, "{} rows in one commit", left - now);
        if now < 2_500 {
            conn.batch_execute("BEGIN IMMEDIATE").unwrap();
            ledger.begin(&mut conn, 1).unwrap();
            let found = ledger.find(&mut conn, &stamp(2, 3_000, 0)).unwrap();
            assert!(matches!(found, Found::UnknownClient { .. }), "{found:?}");
            conn.batch_execute("ROLLBACK").unwrap();
        }
        left = now;
        if number(&mut conn, "SELECT COUNT(*) FROM __litefs_diesel_clients") == 1 {
            break;
        }
        assert!(sequence < 2_000, "{left} rows are left");
    }
    assert_eq!(left, 0);
}

#[test]
fn what_was_not_committed_is_not_known() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    for committed in [false, true] {
        conn.batch_execute("BEGIN IMMEDIATE").unwrap();
        ledger.begin(&mut conn, 1).unwrap();
        assert!(matches!(ledger.find(&mut conn, &stamp(1, 1, 0)).unwrap(), Found::UnknownClient { .. }));
        ledger.register(&mut conn, &stamp(1, 1, 0), 0).unwrap().unwrap();
        assert_eq!(ledger.find(&mut conn, &stamp(1, 1, 0)).unwrap(), Found::Fresh);
        ledger.enter(&mut conn, &stamp(1, 1, 0), done()).unwrap();
        ledger.seal(&mut conn).unwrap();
        if committed {
            conn.batch_execute("COMMIT").unwrap();
            ledger.committed();
        } else {
            conn.batch_execute("ROLLBACK").unwrap();
        }
    }
    commit(&mut ledger, &mut conn, |ledger, conn| {
        assert_eq!(ledger.find(conn, &stamp(1, 1, 0)).unwrap(), Found::Stored(done()));
    });
}

#[test]
fn another_epoch_may_be_another_history() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    register(&mut ledger, &mut conn, 1);
    let mut find = |epoch, sequence| {
        conn.batch_execute("BEGIN IMMEDIATE").unwrap();
        ledger.begin(&mut conn, epoch).unwrap();
        let found = ledger.find(&mut conn, &stamp(1, sequence, 0)).unwrap();
        conn.batch_execute("ROLLBACK").unwrap();
        // What LiteFS puts in the place of what was there, which no connection of SQLite did.
        conn.batch_execute("UPDATE __litefs_diesel_clients SET floor = 5").unwrap();
        found
    };
    assert_eq!(find(1, 5), Found::Fresh);
    assert_eq!(find(1, 5), Found::Fresh, "as it is kept");
    assert_eq!(find(2, 5), Found::Late);
}

#[test]
fn when_the_highest_alias_is_taken_a_free_one_below_is_found() {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    let mut ledger = Ledger::new(rules(Duration::from_secs(60)));
    register(&mut ledger, &mut conn, 1);
    conn.batch_execute("INSERT INTO __litefs_diesel_clients VALUES ((1 << 19) - 1, x'00', 0, 0)").unwrap();
    for client in [2, 3] {
        register(&mut ledger, &mut conn, client);
        let highest = "SELECT MAX(alias) FROM __litefs_diesel_clients WHERE alias < (1 << 19) - 1";
        assert_eq!(number(&mut conn, highest), client as i64);
    }
}
