//! What a connection holds and the database does not.

use super::*;

fn refused(conn: &mut LitefsConnection, sql: &str, instead: &str) {
    for error in [conn.batch_execute(sql).unwrap_err(), diesel::sql_query(sql).execute(conn).unwrap_err()] {
        assert!(error.to_string().contains(instead), "{sql}: {error}");
    }
}

#[test]
fn last_insert_rowid_and_changes_answer_as_after_this_connections_own_last_write() {
    let node = Node::new();
    let (mut one, mut other) = (node.connection(), node.connection());
    let both = "SELECT last_insert_rowid() * 1000 + changes() AS n";
    assert_eq!(number(&mut one, both), 0);
    diesel::insert_into(users::table)
        .values((users::id.eq(41), users::name.eq("Ada")))
        .execute(&mut one)
        .unwrap();
    for name in ["b", "c", "d"] {
        insert(&mut other, name).unwrap();
    }
    assert_eq!(number(&mut one, both), 41_001);
    assert_eq!(number(&mut other, both), 44_001);
    diesel::update(users::table).set(users::age.eq(3)).execute(&mut one).unwrap();
    assert_eq!(number(&mut one, both), 41_004, "an update inserts nothing");
    assert_eq!(number(&mut one, "SELECT total_changes() AS n"), 5);
    // In a statement that runs on the primary, too.
    diesel::sql_query("UPDATE users SET age = last_insert_rowid() WHERE name = 'b'")
        .execute(&mut one)
        .unwrap();
    assert_eq!(number(&mut one, "SELECT age AS n FROM users WHERE name = 'b'"), 41);
    let sent = node.primary.seen.lock().unwrap();
    let with_session: Vec<_> = sent.iter().filter_map(|request| request.session.brought()).collect();
    assert_eq!(with_session.len(), 1, "it travels only where it is asked for");
}

#[test]
fn an_upsert_that_updates_leaves_last_insert_rowid_as_it_was() {
    let node = Node::new();
    let (mut one, mut other) = (node.connection(), node.connection());
    let id = |id: i32, name: &'static str| (users::id.eq(id), users::name.eq(name));
    diesel::insert_into(users::table).values(id(41, "Ada")).execute(&mut one).unwrap();
    diesel::insert_into(users::table).values(id(77, "Bob")).execute(&mut other).unwrap();
    let upsert = |name: &'static str| {
        diesel::insert_into(users::table)
            .values(users::name.eq(name))
            .on_conflict(users::name)
            .do_update()
            .set(users::age.eq(5))
    };
    assert_eq!(upsert("Bob").execute(&mut one), Ok(1));
    assert_eq!(number(&mut one, "SELECT last_insert_rowid() AS n"), 41);
    assert_eq!(upsert("Cem").execute(&mut one), Ok(1));
    assert_eq!(number(&mut one, "SELECT last_insert_rowid() AS n"), 78);
}

#[test]
fn last_insert_rowid_is_never_that_of_another_connection() {
    let node = Node::new();
    let (mut one, mut other) = (node.connection(), node.connection());
    let id = |id: i32, name: &'static str| (users::id.eq(id), users::name.eq(name));
    diesel::insert_into(users::table).values(id(41, "Ada")).execute(&mut one).unwrap();
    diesel::insert_into(users::table).values(id(77, "Bob")).execute(&mut other).unwrap();
    let mut after = |sql: &str| {
        one.batch_execute(sql).unwrap();
        number(&mut one, "SELECT last_insert_rowid() AS n")
    };
    assert_eq!(after("UPDATE users SET name = replace(name, 'B', 'R')"), 41, "it inserts nothing");
    let ignored = "INSERT OR IGNORE INTO users (name) VALUES ('Ada'); UPDATE users SET age = 3";
    assert_eq!(after(ignored), 41, "nor does this");
    let inserted = "INSERT INTO users (id, name) VALUES (90, 'Cem'); DELETE FROM users WHERE id = 0";
    assert_eq!(after(inserted), 90, "what came after it changed nothing");
}

#[test]
fn last_insert_rowid_links_rows_within_a_transaction() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.transaction(|conn| {
        insert(conn, "Ada")?;
        diesel::sql_query("INSERT INTO posts (user_id, title) VALUES (last_insert_rowid(), 'x')")
            .execute(conn)
    })
    .unwrap();
    assert_eq!(number(&mut conn, "SELECT user_id AS n FROM posts WHERE id = last_insert_rowid()"), 1);
}

#[test]
fn a_pragma_that_tunes_reading_is_applied_here() {
    let node = Node::new();
    let mut conn = node.connection();
    for (set, ask, value) in [
        ("PRAGMA busy_timeout = 4321", "SELECT timeout AS n FROM pragma_busy_timeout", 4321),
        ("PRAGMA main.cache_size(-777)", "SELECT cache_size AS n FROM pragma_cache_size", -777),
        ("pragma temp_store = 2", "SELECT temp_store AS n FROM pragma_temp_store", 2),
    ] {
        conn.batch_execute(set).unwrap();
        assert_eq!(number(&mut conn, ask), value, "{set}");
    }
    for usual in
        ["PRAGMA synchronous = NORMAL", "PRAGMA wal_autocheckpoint = 1000", "PRAGMA mmap_size = 65536"]
    {
        conn.batch_execute(usual).unwrap();
        diesel::sql_query(usual).execute(&mut conn).unwrap();
    }
    assert!(node.primary.texts().is_empty());
}

#[test]
fn foreign_keys_and_journal_mode_pass_when_they_ask_for_what_the_node_has() {
    let node = Node::new();
    let mut conn = node.connection();
    for pass in [
        "PRAGMA foreign_keys = ON",
        "PRAGMA foreign_keys(1)",
        "pragma main.foreign_keys = 'yes'",
        "PRAGMA journal_mode = wal",
        "PRAGMA journal_mode='WAL'",
    ] {
        conn.batch_execute(pass).unwrap();
        diesel::sql_query(pass).execute(&mut conn).unwrap();
    }
    #[derive(QueryableByName)]
    struct Mode {
        #[diesel(sql_type = Text)]
        journal_mode: String,
    }
    for ask in ["PRAGMA journal_mode = WAL", "PRAGMA journal_mode"] {
        assert_eq!(diesel::sql_query(ask).get_result::<Mode>(&mut conn).unwrap().journal_mode, "wal");
    }
    refused(&mut conn, "PRAGMA foreign_keys = OFF", "set `foreign_keys` in its settings");
    refused(&mut conn, "PRAGMA journal_mode = DELETE", "set `journal_mode` in its settings");
    refused(&mut conn, "PRAGMA recursive_triggers = 1", "Config::on_open");
    refused(&mut conn, "PRAGMA page_size = 512", "fixed when the database is created");
    conn.batch_execute("PRAGMA page_size = 4096; PRAGMA auto_vacuum = NONE; PRAGMA encoding = 'UTF-8'")
        .unwrap();
    assert!(node.primary.texts().is_empty());
}

#[test]
fn a_pragma_that_writes_into_the_database_runs_on_the_primary() {
    let node = Node::new();
    let mut conn = node.connection();
    diesel::sql_query("PRAGMA user_version = 12").execute(&mut conn).unwrap();
    conn.batch_execute("PRAGMA application_id = 13").unwrap();
    conn.batch_execute("PRAGMA optimize; PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    assert_eq!(number(&mut conn, "SELECT user_version AS n FROM pragma_user_version"), 12);
    assert_eq!(number(&mut conn, "SELECT application_id AS n FROM pragma_application_id"), 13);
    let alone: Vec<_> = node.primary.seen.lock().unwrap().iter().map(|request| request.alone).collect();
    assert_eq!(alone, [false, false, false, true]);
}

#[test]
fn temp_tables_and_attach_are_refused_with_what_to_do() {
    let node = Node::new();
    let mut conn = node.connection();
    refused(&mut conn, "CREATE TEMP TABLE x (a)", "`Config::on_open`");
    refused(&mut conn, "-- c\nCREATE TABLE temp.x AS SELECT * FROM users", "TEMP table");
    refused(&mut conn, "ATTACH ':memory:' AS other", "attach it in `Config::on_open`");
    let script = "INSERT INTO users (name) VALUES ('a'); CREATE TEMP VIEW v AS SELECT 1";
    assert!(conn.batch_execute(script).unwrap_err().to_string().contains("TEMP table"));
}

#[test]
fn inside_a_transaction_all_of_it_is_the_primarys() {
    let node = Node::new();
    let mut conn = node.connection();
    let sum = conn.transaction(|conn| {
        conn.batch_execute("CREATE TABLE x (n INTEGER); INSERT INTO x VALUES (1), (2)")?;
        diesel::sql_query("PRAGMA user_version = 5").execute(conn)?;
        let row: Number = diesel::sql_query("SELECT sum(n) AS n FROM x").get_result(conn)?;
        conn.batch_execute("PRAGMA defer_foreign_keys = ON; DROP TABLE x")?;
        QueryResult::Ok(row.n)
    });
    assert_eq!(sum, Ok(3));
    assert_eq!(number(&mut conn, "SELECT user_version AS n FROM pragma_user_version"), 5);
}

#[test]
fn vacuum_runs_on_the_primary_alone_and_vacuum_into_here() {
    let node = Node::new();
    let mut conn = node.connection();
    diesel::sql_query("VACUUM").execute(&mut conn).unwrap();
    conn.batch_execute("VACUUM;").unwrap();
    assert!(node.primary.seen.lock().unwrap().iter().all(|request| request.alone));
    let copy = node.path("copy.db");
    conn.batch_execute(&format!("VACUUM INTO '{}'", copy.display())).unwrap();
    assert!(copy.exists());
    assert_eq!(node.primary.texts().len(), 2);
}

#[test]
fn what_on_open_makes_is_there_when_reading() {
    diesel::define_sql_function!(fn double(x: diesel::sql_types::BigInt) -> diesel::sql_types::BigInt);
    let node = Node::with_on_open(|conn| {
        double_utils::register_impl(conn, |x: i64| 2 * x)?;
        conn.batch_execute("CREATE TEMP TABLE mine (n); INSERT INTO mine VALUES (4)")
    });
    let mut conn = node.connection();
    assert_eq!(number(&mut conn, "SELECT double(21) AS n"), 42);
    assert_eq!(number(&mut conn, "SELECT n FROM temp.mine"), 4);
    diesel::sql_query("INSERT INTO users (name, age) VALUES ('Ada', double(18))").execute(&mut conn).unwrap();
    assert_eq!(number(&mut conn, "SELECT age AS n FROM users"), 36);
    assert_eq!(node.primary.texts().len(), 1);
}
