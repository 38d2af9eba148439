//! The words, the names and the programs, on a bare connection.

use diesel::connection::{Connection, SimpleConnection};
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::names::Names;
use super::*;
use crate::statement::kind::program;

const LEDGER: &str = "\
    CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); \
    CREATE TABLE __litefs_diesel_keys (name TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID; \
    CREATE INDEX __litefs_diesel_keys_at ON __litefs_diesel_keys (at); \
    CREATE TABLE __litefs_diesel_writes (id INTEGER PRIMARY KEY, name TEXT UNIQUE); \
    CREATE TEMP TABLE litefs_diesel_session (id INTEGER PRIMARY KEY); \
    CREATE TEMP TABLE own (id INTEGER PRIMARY KEY)";

fn conn() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(LEDGER).unwrap();
    conn
}

fn check(conn: &mut SqliteConnection, sql: &str) -> Result<Effect, String> {
    Allowed::new().check(conn, sql, Site::Group).map_err(|why| why.to_string())
}

#[test]
fn a_name_is_found_in_every_spelling_and_not_in_a_comment() {
    for text in [
        "DELETE FROM __litefs_diesel_writes",
        "delete from\"__LITEFS_DIESEL_WRITES\"",
        "DELETE FROM main.[__litefs_diesel_writes]",
        "DELETE FROM `__litefs_diesel_writes`",
        "DELETE FROM '__litefs_diesel_writes'",
        "DELETE FROM/**/__litefs_diesel_writes--x",
        "DROP INDEX sqlite_autoindex___litefs_diesel_writes_1",
    ] {
        assert!(Names::of(text).ours, "{text}");
    }
    for text in
        ["SELECT 1 -- __litefs_diesel_writes", "SELECT /* litefs_diesel_session */ 1", "SELECT litefs", ""]
    {
        assert!(!Names::of(text).any(), "{text}");
    }
    assert!(Names::of("SELECT LOAD_extension /* c */ ('x')").load_extension);
    assert!(!Names::of("SELECT load_extension FROM t").load_extension);
    assert!(Names::of("INSERT INTO \"TEMP\" . x VALUES (1)").temp);
    assert!(!Names::of("SELECT temp, temperature.x FROM temperature").temp);
    assert!(Names::of("UPDATE sqlite_DBPAGE SET data = x'00'").pages);
}

#[test]
fn what_would_write_into_the_librarys_tables_is_seen_in_every_form_that_sqlite_has_for_it() {
    let mut conn = conn();
    for text in [
        "DELETE FROM __litefs_diesel_writes",
        "DELETE FROM __litefs_diesel_writes WHERE id = 7",
        "UPDATE __litefs_diesel_writes SET name = 'x'",
        "UPDATE OR REPLACE t SET id = 1 WHERE id IN (SELECT id FROM __litefs_diesel_writes); SELECT 1",
        "INSERT INTO __litefs_diesel_keys VALUES ('a', 1)",
        "REPLACE INTO __litefs_diesel_keys VALUES ('a', 1)",
        "WITH x AS (SELECT 1) UPDATE __litefs_diesel_keys SET at = 1",
        "INSERT INTO __litefs_diesel_keys VALUES ('a', 1) ON CONFLICT DO UPDATE SET at = 2 RETURNING *",
        "INSERT INTO litefs_diesel_session VALUES (1)",
    ] {
        let expected = !text.starts_with("UPDATE OR REPLACE t");
        assert_eq!(check(&mut conn, text).is_err(), expected, "{text}");
    }
    for text in ["INSERT INTO temp.own VALUES (1)", "DELETE FROM temp . own", "CREATE INDEX i ON own (id)"] {
        assert!(check(&mut conn, text).unwrap_err().contains("TEMP"), "{text}");
    }
    check(&mut conn, "SELECT * FROM temp.own").unwrap();
}

#[test]
fn what_a_trigger_or_a_foreign_key_would_write_is_the_statements_too() {
    for reach in [
        "CREATE TRIGGER evil AFTER INSERT ON t BEGIN DELETE FROM __litefs_diesel_writes; END",
        "CREATE TABLE child (id REFERENCES t ON DELETE CASCADE); \
         CREATE TRIGGER evil AFTER DELETE ON child BEGIN UPDATE __litefs_diesel_keys SET at = 1; END",
        "CREATE VIEW v AS SELECT * FROM t; \
         CREATE TRIGGER evil INSTEAD OF INSERT ON v BEGIN INSERT INTO __litefs_diesel_keys VALUES ('a', 1); END",
    ] {
        let mut conn = conn();
        conn.batch_execute(reach).unwrap();
        let reaching = [
            "INSERT INTO t (name) VALUES ('a')",
            "DELETE FROM t WHERE id = 1",
            "INSERT INTO v VALUES (1, 'a')",
        ];
        let refused =
            reaching.map(|text| check(&mut conn, text).is_err_and(|why| why.contains("__litefs_diesel")));
        assert_eq!(refused.iter().filter(|refused| **refused).count(), 1, "{reach}");
        check(&mut conn, "UPDATE t SET name = 'b'").unwrap();
    }
}

#[test]
fn the_schemas_own_table_is_not_written_although_the_application_lets_it() {
    let mut conn = conn();
    conn.batch_execute("PRAGMA writable_schema = 1").unwrap();
    for text in ["UPDATE sqlite_schema SET sql = 'x'", "DELETE FROM main.\"sqlite_master\""] {
        assert!(check(&mut conn, text).unwrap_err().contains("schema"), "{text}");
    }
    conn.batch_execute("CREATE TRIGGER evil AFTER INSERT ON t BEGIN DELETE FROM sqlite_master; END").unwrap();
    assert!(check(&mut conn, "INSERT INTO t (name) VALUES ('a')").unwrap_err().contains("schema"));
}

#[test]
fn what_cannot_be_compiled_is_sqlites_to_refuse_in_its_own_words() {
    let mut conn = conn();
    for text in ["INSERT INTO nowhere SELECT name FROM __litefs_diesel_writes", "CREATE TABLE t (a)", "ALTER"]
    {
        let own = conn.batch_execute(text).unwrap_err().to_string();
        match check(&mut conn, text) {
            Err(said) => assert_eq!(said, own, "{text}"),
            Ok(effect) => assert_eq!(effect, Effect::Defines, "{text}"),
        }
    }
}

/// No table-valued form of a `PRAGMA` writes or sets anything: of those that `SELECT` can ask for.
#[test]
fn a_pragma_that_is_asked_for_as_a_table_sets_nothing() {
    #[derive(QueryableByName)]
    struct Name {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let mut conn = conn();
    let names: Vec<Name> = diesel::sql_query("SELECT name FROM pragma_pragma_list").load(&mut conn).unwrap();
    let mut listed = 0;
    for Name { name } in names {
        // Where it takes a value, the table has a column for it.
        if program(&mut conn, &format!("SELECT arg FROM pragma_{name}")).is_ok() {
            // Those are on the list of what tells; `optimize` only brings statistics up to date.
            let tells = words::look(&format!("PRAGMA {name}('1')"), Site::Read).is_ok();
            assert!(tells || name == "optimize", "{name} takes a value, and is not listed");
            listed += usize::from(tells);
        }
    }
    assert!(listed > 5, "{listed}");
}

#[test]
fn the_list_of_pragmas_holds_in_every_form() {
    let may = |text: &str| {
        [Site::Group, Site::Transaction, Site::Alone, Site::Migration, Site::Read]
            .map(|site| words::look(text, site).is_ok())
    };
    for (text, expected) in [
        ("PRAGMA table_info(t)", [true; 5]),
        ("PRAGMA foreign_keys", [true; 5]),
        ("PRAGMA journal_mode;", [true; 5]),
        ("PRAGMA user_version = 3", [true, true, true, true, false]),
        ("PRAGMA wal_checkpoint(TRUNCATE)", [true, true, true, true, false]),
        ("PRAGMA foreign_keys = OFF", [false, true, false, true, false]),
        ("PRAGMA defer_foreign_keys = ON", [false, true, false, true, false]),
        ("PRAGMA legacy_alter_table = ON", [false, false, false, true, false]),
        ("PRAGMA journal_mode = DELETE", [false, false, false, true, false]),
        ("PRAGMA cache_size(-7)", [false, false, false, true, false]),
        ("PRAGMA hard_heap_limit = 1", [false; 5]),
        ("PRAGMA \"writable_schema\" = 1", [false; 5]),
        ("PRAGMA unheard_of", [false; 5]),
        ("PRAGMA key = 'x'", [false; 5]),
        ("PRAGMA", [false; 5]),
    ] {
        assert_eq!(may(text), expected, "{text}");
    }
}

#[test]
fn an_error_shows_a_bounded_part_of_the_statement() {
    let text = format!("ATTACH '{}' AS x", "é".repeat(5_000));
    let said = check(&mut conn(), &text).unwrap_err();
    assert!(said.len() < 1_000 && said.contains('…'), "{said}");
}

/// How long a look at the same statement takes, in nanoseconds.
fn nanos(times: u32, mut look: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..9)
        .map(|_| {
            let started = std::time::Instant::now();
            (0..times).for_each(|_| look());
            started.elapsed().as_secs_f64() * 1e9 / f64::from(times)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

#[test]
#[ignore = "measures: cargo test --release -p litefs-diesel --lib -- --ignored measured_ --nocapture"]
fn measured_cost_of_a_look_at_a_statement() {
    let mut conn = conn();
    let short = "UPDATE `t` SET `name` = ? WHERE (`t`.`id` = ?)".to_owned();
    let insert =
        "INSERT INTO `orders` (`customer`, `item`, `count`, `price`, `created_at`) VALUES (?, ?, ?, ?, ?)";
    let long = format!("INSERT INTO t (name) VALUES {}", ["(?)"; 4_000].join(", "));
    let longest = format!("INSERT INTO t (name) VALUES {}", ["(?)"; 30_000].join(", "));
    let near = "SELECT count(*) FROM __litefs_diesel_writes".to_owned();
    let mut lines = String::new();
    for (name, text) in [
        ("short", &short),
        ("usual", &insert.to_owned()),
        ("long", &long),
        ("longest", &longest),
        ("near", &near),
    ] {
        let mut allowed = Allowed::new();
        let first = nanos(1, || drop(Allowed::new().check(&mut conn, text, Site::Group)));
        let again = nanos(2_000, || drop(allowed.check(&mut conn, text, Site::Group)));
        lines += &format!("{name}, {} bytes: first {first:.0} ns, again {again:.0} ns\n", text.len());
        assert!(text.len() > 16 << 10 || again < 1_000.0 || cfg!(debug_assertions), "{name}: {again} ns");
    }
    let mut allowed = Allowed::new();
    allowed.check(&mut conn, &short, Site::Group).unwrap();
    let begin = nanos(2_000, || allowed.begin(&mut conn).unwrap());
    lines += &format!("once a transaction: {begin:.0} ns\n");
    std::io::Write::write_all(&mut std::io::stderr(), lines.as_bytes()).unwrap();
}
