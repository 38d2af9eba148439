//! What SQL may do through the writer, sent as a peer would send it.

use super::procedures::{Body, call, done, has};
use super::*;
use crate::migrate::testing::{bare, plan, up};

/// What nobody may have run, and a word of why.
const FORBIDDEN: [(&str, &str); 30] = [
    ("ATTACH 'other.db' AS other", "on_open"),
    ("/* c */ -- d\n ; attach database 'other.db' as other", "on_open"),
    ("DETACH main", "on_open"),
    ("VACUUM INTO 'copy.db'", "disk"),
    ("vacuum main into 'copy.db'", "disk"),
    ("SELECT load_extension('evil.so')", "on_open"),
    ("SELECT \"LOAD_EXTENSION\" ('evil.so', 'entry')", "on_open"),
    ("CREATE TABLE x (a DEFAULT (load_extension('evil.so')))", "on_open"),
    ("PRAGMA writable_schema = 1", "on_open"),
    ("/**/ pragma main . Writable_Schema(on)", "on_open"),
    ("EXPLAIN PRAGMA writable_schema = 1", "on_open"),
    ("explain query plan PRAGMA temp_store_directory = '.'", "on_open"),
    ("PRAGMA temp_store_directory = '.'", "on_open"),
    ("PRAGMA schema_version = 3", "on_open"),
    ("PRAGMA no_such_thing = 1", "on_open"),
    ("PRAGMA 1", "on_open"),
    ("DROP TABLE __litefs_diesel_writes", "__litefs_diesel"),
    ("DROP TABLE IF EXISTS main.\"__LiteFS_Diesel_Writes\"", "__litefs_diesel"),
    ("/* c */ drop table [__litefs_diesel_clients]", "__litefs_diesel"),
    ("ALTER TABLE `__litefs_diesel_writes` ADD COLUMN more", "__litefs_diesel"),
    ("ALTER TABLE t RENAME TO __litefs_diesel_x", "__litefs_diesel"),
    ("CREATE TABLE '__litefs_diesel_x' (a)", "__litefs_diesel"),
    ("CREATE INDEX i ON __litefs_diesel_writes (last)", "__litefs_diesel"),
    ("CREATE VIEW v AS SELECT * FROM __litefs_diesel_writes", "__litefs_diesel"),
    (
        "CREATE TRIGGER evil AFTER INSERT ON t BEGIN DELETE FROM __litefs_diesel_writes; END",
        "__litefs_diesel",
    ),
    ("CREATE TRIGGER evil AFTER INSERT ON __litefs_diesel_writes BEGIN SELECT 1; END", "__litefs_diesel"),
    ("CREATE TABLE x (a REFERENCES __litefs_diesel_writes ON DELETE CASCADE)", "__litefs_diesel"),
    ("DELETE FROM __litefs_diesel_writes", "__litefs_diesel"),
    ("UPDATE main.[__LITEFS_diesel_clients] SET floor = 1 << 40", "__litefs_diesel"),
    (
        "WITH x AS (SELECT 1) INSERT INTO child SELECT NULL FROM x; DELETE FROM \"__litefs_diesel_clients\"",
        "__litefs_diesel",
    ),
];

/// What may not run on the connection of all, and may in a migration.
const OF_THE_CONNECTION: [&str; 9] = [
    "CREATE TEMP TABLE t (id)",
    "CREATE TEMPORARY VIEW t AS SELECT 1",
    "/* c */ create temp trigger evil AFTER INSERT ON t BEGIN SELECT 1; END",
    "CREATE TABLE temp.t (id)",
    "CREATE VIEW \"temp\".t AS SELECT 1",
    "PRAGMA cache_size = 7",
    "PRAGMA recursive_triggers = 1",
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store = 1",
];

fn batch(text: &str) -> Statement {
    Statement { want: Want::Batch, ..sql(text) }
}

/// Replicated, with a ledger that has an entry; and what is in it.
async fn with_ledger() -> (Bench, u64, i64) {
    let bench = bench_on(true, |repo| repo);
    bench.writer.write(insert("before"), terms()).await.unwrap();
    let (clients, writes) = (bench.rows("__litefs_diesel_clients"), bench.rows("__litefs_diesel_writes"));
    assert!(clients == 1 && writes > 0);
    let schema = schema(&bench);
    (bench, 1, schema)
}

/// A number that changes with every change of the schema.
fn schema(bench: &Bench) -> i64 {
    bench.number("SELECT schema_version FROM pragma_schema_version")
}

/// Whether the connection still has nothing that is not the database's.
async fn is_unchanged(bench: &Bench, version: i64) {
    assert_eq!(schema(bench), version);
    let mut asks =
        sql("SELECT (SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main', 'temp')), \
         (SELECT count(*) FROM temp.sqlite_schema WHERE name NOT LIKE '%litefs\\_diesel\\_%' ESCAPE '\\')");
    asks.want = Want::Rows;
    let written = bench.writer.write(Write::of(vec![asks]), terms()).await.unwrap();
    let values = written.outcomes[0].rows.as_ref().unwrap().values.clone();
    assert_eq!(values.iter().collect::<Vec<_>>(), [ValueRef::Integer(0), ValueRef::Integer(0)]);
}

#[tokio::test]
async fn what_is_forbidden_does_not_run_as_a_write_or_in_a_batch() {
    let (bench, _, version) = with_ledger().await;
    for (text, why) in FORBIDDEN.into_iter().chain(OF_THE_CONNECTION.map(|text| (text, "on_open"))) {
        let all = format!("INSERT INTO t (name) VALUES ('lost'); {text}");
        let mut ways = vec![Write::of(vec![batch(text)]), Write::of(vec![batch(&all)])];
        // Of a text that is prepared, SQLite runs the first statement.
        if !text.contains("; DELETE") {
            ways.push(request(&[text]));
            ways.push(request(&["INSERT INTO t (name) VALUES ('lost')", text]));
            ways.push(Write { alone: true, ..request(&[text]) });
        }
        for write in ways {
            let (_, said) = rejected(bench.writer.write(write, terms()).await);
            assert!(said.contains(why) || said.contains("outside of one"), "{text}: {said}");
        }
    }
    is_unchanged(&bench, version).await;
    assert_eq!(bench.names(), ["before"]);
}

#[tokio::test]
async fn nor_in_a_transaction_which_goes_on() {
    let (bench, _, version) = with_ledger().await;
    let mut transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    for (text, why) in FORBIDDEN.into_iter().chain(OF_THE_CONNECTION.map(|text| (text, "on_open"))) {
        for statement in [sql(text), batch(text)] {
            if statement.want == Want::Count && text.contains("; DELETE") {
                continue;
            }
            let step = transaction.run(statement, terms().deadline).await.unwrap();
            let said = step.result.unwrap_err().message;
            assert!(step.open && said.contains(why), "{text}: {said}");
        }
    }
    // Of a batch nothing ran that stands before what its words forbid.
    let mixed = batch("INSERT INTO t (name) VALUES ('lost'); ATTACH 'x.db' AS x");
    transaction.run(mixed, terms().deadline).await.unwrap().result.unwrap_err();
    let kept =
        batch("SAVEPOINT a; INSERT INTO t (name) VALUES ('kept'); RELEASE a; PRAGMA defer_foreign_keys = 1");
    transaction.run(kept, terms().deadline).await.unwrap().result.unwrap();
    transaction.commit(terms()).await.ok().unwrap();
    assert_eq!(bench.names().iter().filter(|name| *name == "kept").count(), 1);
    assert!(!bench.names().contains(&"lost".to_owned()));
    is_unchanged(&bench, version).await;
}

#[tokio::test]
async fn nor_in_a_migration_which_may_have_temp_tables_and_settings_of_its_own() {
    let (bench, _, version) = with_ledger().await;
    for (text, _) in FORBIDDEN {
        for step in [up("1", text), bare("1", text), up("1", &format!("CREATE TABLE lost (a); {text}"))] {
            let in_transaction = step.in_transaction;
            let ran = bench.writer.run(bench.writer.stamp(), Write::migrate(plan([step]))).await.unwrap();
            let failure = ran.plan().unwrap().unwrap_err();
            assert!(
                matches!(failure.cause, crate::migrate::Cause::Refused(_)),
                "{text}, {in_transaction}: {failure}"
            );
        }
    }
    // Diesel's own table, before a step that is not in a transaction.
    assert_eq!(bench.rows("sqlite_schema WHERE name = 'lost'"), 0);
    assert!(schema(&bench) > version);
    let own = OF_THE_CONNECTION.map(|text| text.replace(" t ", " seen ").replace(".t ", ".other "));
    let wrong = ["temp trigger", "VIEW \"temp\""];
    for text in own.iter().filter(|text| !wrong.iter().any(|wrong| text.contains(wrong))) {
        let step = bare(text, text);
        let ran = bench.writer.run(bench.writer.stamp(), Write::migrate(plan([step]))).await.unwrap();
        ran.plan().unwrap().unwrap();
    }
    is_unchanged(&bench, schema(&bench)).await;
}

#[tokio::test]
async fn nor_in_a_read() {
    let (bench, ..) = with_ledger().await;
    for text in [
        "ATTACH ':memory:' AS x",
        "VACUUM INTO 'copy.db'",
        "CREATE TEMP TABLE t (id)",
        "PRAGMA query_only = 0",
        "PRAGMA user_version = 3",
        "PRAGMA cache_size = 7",
        "EXPLAIN PRAGMA cache_size = 7",
        "BEGIN",
        "SAVEPOINT a",
        "SELECT load_extension('x')",
    ] {
        for statement in [sql(text), Statement { want: Want::Rows, ..sql(text) }, batch(text)] {
            let read = bench.writer.read(statement, terms()).await;
            assert!(matches!(&read, Err(Error::Read(_))), "{text}: {read:?}");
        }
    }
    for text in
        ["SELECT * FROM __litefs_diesel_writes", "PRAGMA table_info(t)", "PRAGMA user_version", "VALUES (1)"]
    {
        bench.writer.read(Statement { want: Want::Rows, ..sql(text) }, terms()).await.unwrap();
    }
}

#[tokio::test]
async fn what_only_reads_the_ledger_or_has_its_name_in_a_value_runs() {
    let (bench, ..) = with_ledger().await;
    let writes = [
        "INSERT INTO t (name) SELECT 'n' || count(*) FROM __litefs_diesel_writes",
        "INSERT INTO t (name) VALUES ('__litefs_diesel_writes')",
        "WITH temp AS (SELECT 'x' AS a) INSERT INTO t (name) SELECT temp.a FROM temp, sqlite_schema LIMIT 1",
        "CREATE TABLE notes (a) -- not in __litefs_diesel_writes",
        "INSERT INTO notes VALUES ('load_extension')",
        "CREATE INDEX of_notes ON notes (a)",
        "CREATE TRIGGER note AFTER INSERT ON t BEGIN INSERT INTO notes VALUES (NEW.name); END",
        "ALTER TABLE notes RENAME TO temperatures",
        "ANALYZE",
        "REINDEX",
        "PRAGMA optimize",
        "PRAGMA user_version = 4",
        "EXPLAIN DELETE FROM __litefs_diesel_writes",
        "DROP TABLE temperatures",
    ];
    for text in writes {
        bench.writer.write(request(&[text]), terms()).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    }
    assert_eq!(bench.number("SELECT user_version FROM pragma_user_version"), 4);
}

#[tokio::test]
async fn the_writers_own_tables_are_not_to_be_written_by_others() {
    let bench = bench(|repo| repo);
    for text in [
        "INSERT INTO litefs_diesel_hold VALUES (1)",
        "INSERT INTO temp.litefs_diesel_hold VALUES (1)",
        "DELETE FROM Litefs_Diesel_Session",
        "DROP TABLE litefs_diesel_never",
        "CREATE INDEX i ON litefs_diesel_never (id)",
    ] {
        let (_, said) = rejected(bench.writer.write(request(&[text]), terms()).await);
        assert!(said.contains("litefs_diesel_"), "{text}: {said}");
    }
    bench.writer.write(insert("a"), terms()).await.unwrap();
}

#[tokio::test]
async fn a_trigger_that_came_from_elsewhere_does_not_reach_the_ledger() {
    let (bench, ..) = with_ledger().await;
    bench.writer.write(request(&["UPDATE t SET name = 'known'"]), terms()).await.unwrap();
    // Another process made it, past the library.
    bench.change("CREATE TRIGGER evil AFTER UPDATE ON t BEGIN DELETE FROM __litefs_diesel_writes; END");
    for _ in 0..2 {
        let (_, said) =
            rejected(bench.writer.write(request(&["UPDATE t SET name = 'known'"]), terms()).await);
        assert!(said.contains("__litefs_diesel"), "{said}");
    }
    bench.writer.write(insert("by another way"), terms()).await.unwrap();
    bench.writer.write(request(&["DROP TRIGGER evil"]), terms()).await.unwrap();
    bench.writer.write(request(&["UPDATE t SET name = 'again' WHERE id = 1"]), terms()).await.unwrap();
    assert_eq!(bench.names(), ["again", "by another way"]);
}

#[tokio::test]
async fn a_verdict_goes_with_the_schema_for_which_it_was_made_also_one_that_was_taken_back() {
    let (bench, ..) = with_ledger().await;
    bench.change("CREATE TABLE log (a); CREATE TABLE other (a)");
    // Seen to be harmless while the trigger's place is another table's, at a version that is taken back.
    let mut transaction = bench.writer.begin(Begin::Immediate, Session::default(), terms()).await.unwrap();
    for text in ["CREATE TABLE more (a)", "INSERT INTO log VALUES (1)"] {
        transaction.run(sql(text), terms().deadline).await.unwrap().result.unwrap();
    }
    transaction.rollback(terms().deadline).await.unwrap();
    bench.change("CREATE TRIGGER evil AFTER INSERT ON log BEGIN DELETE FROM __litefs_diesel_writes; END");
    let (_, said) = rejected(bench.writer.write(request(&["INSERT INTO log VALUES (1)"]), terms()).await);
    assert!(said.contains("__litefs_diesel"), "{said}");
}

#[tokio::test]
async fn a_procedure_that_changes_the_ledgers_tables_is_taken_back_and_its_neighbours_stand() {
    let (bench, ..) = with_ledger().await;
    let bodies: [(&str, Body); 4] = [
        ("drops", |conn| {
            conn.batch_execute("DROP TABLE __litefs_diesel_writes")?;
            done()
        }),
        ("renames", |conn| {
            conn.batch_execute("ALTER TABLE __litefs_diesel_writes RENAME TO mine")?;
            done()
        }),
        ("triggers", |conn| {
            conn.batch_execute(
                "CREATE TRIGGER evil AFTER INSERT ON t BEGIN DELETE FROM __litefs_diesel_writes; END",
            )?;
            done()
        }),
        ("adds", |conn| {
            conn.batch_execute("CREATE TABLE __litefs_diesel_more (a)")?;
            done()
        }),
    ];
    for (name, body) in bodies {
        has(&bench, name, body);
        let (before, after) = (insert(&format!("{name} before")), insert(&format!("{name} after")));
        let results = grouped(&bench, vec![before, call(name), after]).await;
        let mut results = results.into_iter();
        results.next().unwrap().unwrap();
        let (_, said) = rejected(results.next().unwrap());
        assert!(said.contains("__litefs_diesel"), "{name}: {said}");
        results.next().unwrap().unwrap();
    }
    has(&bench, "harmless", |conn| {
        conn.batch_execute("CREATE TABLE made (a); DROP TABLE child")?;
        done()
    });
    bench.writer.write(call("harmless"), terms()).await.unwrap();
    bench.writer.write(request(&["INSERT INTO made VALUES (1)"]), terms()).await.unwrap();
    assert_eq!((bench.names().len(), bench.rows("made")), (9, 1));
    assert!(bench.rows("__litefs_diesel_writes") > 0);
}
