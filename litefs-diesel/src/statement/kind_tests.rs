//! Each sentence of the contract on reading and writing, against a real file.

use diesel::connection::SimpleConnection;
use tempfile::TempDir;

use super::*;

const SCHEMA: &str = "PRAGMA journal_mode = WAL;
    CREATE TABLE t (id INTEGER PRIMARY KEY, a);
    CREATE TABLE u (id INTEGER PRIMARY KEY, a);
    CREATE VIEW v AS SELECT * FROM t;
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u (a) VALUES (new.a); END;
    CREATE VIRTUAL TABLE f3 USING fts3 (x);
    CREATE VIRTUAL TABLE f5 USING fts5 (x);
    INSERT INTO f3 VALUES ('hello world'); INSERT INTO f3 VALUES ('hello again');
    INSERT INTO f5 VALUES ('hello world');
    INSERT INTO t (a) VALUES (1)";

/// A file, and a read-only connection to it.
struct File {
    reader: SqliteConnection,
    built_ins: BuiltIns,
    writer: SqliteConnection,
    _folder: TempDir,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db").display().to_string();
        let mut writer = SqliteConnection::establish(&path).unwrap();
        writer.batch_execute(SCHEMA).unwrap();
        let mut reader = SqliteConnection::establish(&format!("file:{path}?mode=ro")).unwrap();
        let built_ins = BuiltIns::of(&mut reader).unwrap();
        Self { reader, built_ins, writer, _folder: folder }
    }

    fn kind(&mut self, sql: &str) -> Kind {
        explain(&mut self.reader, &self.built_ins, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn assert(&mut self, effect: Effect, statements: &[&str]) {
        for sql in statements {
            assert_eq!(self.kind(sql).effect, effect, "{sql}");
        }
    }
}

#[test]
fn a_select_reads_in_every_form() {
    File::new().assert(
        Effect::Reads,
        &[
            "SELECT * FROM t",
            "-- INSERT\nSELECT 1",
            "/* DELETE */ ; SELECT a FROM v WHERE a IN (?, ?)",
            "WITH x AS (SELECT 1 AS a) SELECT * FROM x JOIN t USING (a)",
            "VALUES (1), (2)",
            "SELECT count(*), sum(a), max(a) OVER () FROM t GROUP BY a",
            "SELECT abs(a), date('now'), random(), json('[1]') FROM t WHERE a LIKE 'x%' AND a GLOB 'y'",
            "SELECT 'insert into t', \"a\" FROM t",
            "SELECT * FROM pragma_table_info('t')",
            "SELECT * FROM temp.sqlite_master",
            "SELECT * FROM json_each('[1,2]')",
            "SELECT x FROM f5 WHERE f5 MATCH 'hello'",
        ],
    );
}

#[test]
fn an_opcode_transaction_with_p2_set_is_a_write() {
    File::new().assert(
        Effect::Writes,
        &[
            "INSERT INTO t (a) VALUES (1)",
            "INSERT INTO t (a) VALUES (1) RETURNING *",
            "WITH x AS (SELECT 1 AS a) INSERT INTO t (a) SELECT a FROM x",
            "WITH x AS (SELECT 1 AS a) DELETE FROM t WHERE a IN (SELECT a FROM x) RETURNING id",
            "-- a comment first\n/* and another */ UPDATE t SET a = 1 WHERE 0",
            "REPLACE INTO t VALUES (1, 1)",
            "INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET a = excluded.a",
            "DELETE FROM t",
            "CREATE TABLE z (a)",
            "CREATE TABLE temp (a)",
            "CREATE TABLE \"temp\" AS SELECT 1",
            "CREATE INDEX i ON t (a)",
            "DROP TABLE t",
            "ALTER TABLE t ADD COLUMN b",
            "ANALYZE",
            "REINDEX",
            "INSERT INTO f5 (f5) VALUES ('optimize')",
            "INSERT INTO f3 (f3) VALUES ('optimize')",
        ],
    );
}

#[test]
fn create_if_not_exists_of_what_exists_and_drop_if_exists_of_what_does_not_are_writes() {
    File::new().assert(
        Effect::Writes,
        &[
            "CREATE TABLE IF NOT EXISTS t (a)",
            "/* c */ create view if not exists v AS SELECT 1",
            "CREATE TRIGGER IF NOT EXISTS tr AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE INDEX IF NOT EXISTS i ON t (a)",
            "CREATE VIRTUAL TABLE IF NOT EXISTS f5 USING fts5 (x)",
            "DROP TABLE IF EXISTS nope",
            "-- c\nDROP VIEW IF EXISTS nope",
            "DROP INDEX IF EXISTS nope",
            "DROP TRIGGER IF EXISTS nope",
        ],
    );
}

#[test]
fn a_pragma_is_known_by_its_first_word_and_never_explained() {
    let mut file = File::new();
    file.assert(Effect::Pragma, &["PRAGMA user_version", "/* c */ pragma cache_size = -123", "PRAGMA x = y"]);
    // Explaining it would have set it.
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        cache_size: i32,
    }
    let row: Row = diesel::sql_query("PRAGMA cache_size").get_result(&mut file.reader).unwrap();
    assert_ne!(row.cache_size, -123);
}

#[test]
fn an_explain_reads_whatever_it_explains_but_a_pragma() {
    let mut file = File::new();
    file.assert(Effect::Reads, &["EXPLAIN INSERT INTO t VALUES (1, 1)", "explain query plan DELETE FROM t"]);
    file.assert(Effect::Writes, &["EXPLAIN PRAGMA cache_size = 1", "EXPLAIN QUERY PLAN PRAGMA a = 1"]);
}

#[test]
fn what_is_the_connections_own_names_itself() {
    let mut file = File::new();
    file.assert(Effect::Attaches, &["ATTACH 'x' AS y", "ATTACH DATABASE ':memory:' AS y", "DETACH main"]);
    file.assert(Effect::Vacuums, &["VACUUM", "vacuum main"]);
    file.assert(Effect::CallsOut, &["VACUUM INTO 'copy.db'"]);
    file.assert(
        Effect::Controls,
        &[
            "BEGIN",
            "begin immediate",
            "COMMIT",
            "END",
            "ROLLBACK",
            "SAVEPOINT a",
            "RELEASE a",
            "ROLLBACK TO a",
        ],
    );
    file.assert(
        Effect::WritesTemp,
        &[
            "CREATE TEMP TABLE x (a)",
            "CREATE TABLE temp.x (a)",
            "CREATE TEMP VIEW x AS SELECT 1",
            "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE TEMP TABLE x AS SELECT * FROM t",
            "CREATE TEMPORARY TABLE x AS SELECT * FROM later",
            "/* c */ create table if not exists \"temp\".x AS SELECT * FROM later",
        ],
    );
}

#[test]
fn a_write_to_an_attached_database_or_from_a_temp_table_is_a_write() {
    let mut file = File::new();
    file.reader
        .batch_execute("ATTACH ':memory:' AS other; CREATE TABLE other.o (a); CREATE TEMP TABLE tt (a)")
        .unwrap();
    file.assert(Effect::Writes, &["INSERT INTO other.o VALUES (1)", "INSERT INTO t (a) SELECT a FROM tt"]);
    file.assert(Effect::WritesTemp, &["INSERT INTO tt SELECT a FROM t", "DROP TABLE tt"]);
}

#[test]
fn a_select_of_a_function_that_may_write_is_told_apart() {
    let mut file = File::new();
    file.assert(Effect::CallsOut, &["SELECT optimize(f3) FROM f3 LIMIT 1"]);
    // It does write: the read-only connection refuses it cleanly.
    let error =
        diesel::sql_query("SELECT optimize(f3) FROM f3 LIMIT 1").execute(&mut file.reader).unwrap_err();
    assert_eq!(error.to_string(), "attempt to write a readonly database");
    // Those of full-text search that only read keep their cursor.
    file.assert(
        Effect::Reads,
        &[
            "SELECT snippet(f3), offsets(f3), matchinfo(f3) FROM f3 WHERE f3 MATCH 'hello'",
            "SELECT bm25(f5), highlight(f5, 0, '<', '>') FROM f5 WHERE f5 MATCH 'hello'",
        ],
    );
}

#[test]
fn a_function_of_the_application_is_not_sqlites_even_by_sqlites_name() {
    diesel::define_sql_function!(fn half(x: Integer) -> Integer);
    diesel::define_sql_function!(fn abs(x: Integer) -> Integer);
    let mut file = File::new();
    half_utils::register_impl(&mut file.reader, |x: i32| x / 2).unwrap();
    abs_utils::register_impl(&mut file.reader, |x: i32| x).unwrap();
    file.built_ins = BuiltIns::of(&mut file.reader).unwrap();
    file.assert(Effect::CallsOut, &["SELECT half(a) FROM t", "SELECT abs(a) FROM t"]);
    file.assert(Effect::Reads, &["SELECT upper(a) FROM t"]);
}

#[test]
fn what_asks_for_the_connections_last_write_is_marked() {
    let mut file = File::new();
    for (sql, effect) in [
        ("SELECT last_insert_rowid()", Effect::Reads),
        ("SELECT LAST_INSERT_ROWID(), a FROM t", Effect::Reads),
        ("SELECT a FROM t WHERE id = changes()", Effect::Reads),
        ("INSERT INTO u (a) VALUES (last_insert_rowid())", Effect::Writes),
        ("UPDATE u SET a = total_changes()", Effect::Writes),
    ] {
        assert_eq!(file.kind(sql), Kind { effect, asks_session: true }, "{sql}");
        assert!(may_ask_session(sql), "{sql}");
    }
    assert!(!file.kind("SELECT 'last_insert_rowid()'").asks_session);
    assert!(!may_ask_session("SELECT a FROM t"));
}

#[test]
fn a_failure_says_nothing_and_a_table_made_later_is_seen() {
    let mut file = File::new();
    for sql in ["SELECT * FROM later", "SELEC 1", "INSERT INTO later VALUES (1)"] {
        assert!(explain(&mut file.reader, &file.built_ins, sql).is_err(), "{sql}");
    }
    file.writer.batch_execute("CREATE TABLE later (a)").unwrap();
    file.assert(Effect::Reads, &["SELECT * FROM later"]);
    file.assert(Effect::Writes, &["INSERT INTO later VALUES (1)"]);
}

#[test]
fn only_the_first_of_several_statements_is_seen_as_diesel_runs_only_it() {
    let mut file = File::new();
    file.assert(Effect::Reads, &["SELECT 1; DELETE FROM t", "", " -- nothing", ";"]);
    diesel::sql_query("SELECT 1; DELETE FROM t").execute(&mut file.writer).unwrap();
    let left: i64 = diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM t")
        .get_result(&mut file.writer)
        .unwrap();
    assert_eq!(left, 1);
}

#[test]
fn no_statement_is_run_by_being_explained() {
    let mut file = File::new();
    for sql in ["DELETE FROM t", "DROP TABLE u", "INSERT INTO t (a) VALUES (2)", "VACUUM", "BEGIN"] {
        explain(&mut file.writer, &file.built_ins, sql).unwrap();
    }
    let left: i64 =
        diesel::dsl::sql::<diesel::sql_types::BigInt>("SELECT count(*) FROM t, (SELECT count(*) FROM u)")
            .get_result(&mut file.writer)
            .unwrap();
    assert_eq!(left, 1);
    file.writer.batch_execute("BEGIN; COMMIT").unwrap();
}

#[test]
fn what_sets_the_answers_of_changes_is_told_by_words() {
    for sql in
        ["INSERT INTO t VALUES (1)", "with x AS (SELECT 1) DELETE FROM t", "-- c\nreplace INTO t VALUES (1)"]
    {
        assert!(sets_session(sql), "{sql}");
    }
    for sql in ["CREATE TABLE t (a)", "SELECT 1", "VACUUM", ""] {
        assert!(!sets_session(sql), "{sql}");
    }
    assert!(may_insert("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x"));
    assert!(!may_insert("UPDATE t SET a = 'INSERT'"));
    assert!(may_upsert("INSERT INTO t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET a = 1"));
    assert!(!may_upsert("INSERT INTO t VALUES (1, 'CONFLICT')"));
}
