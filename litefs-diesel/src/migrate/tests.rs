//! The engine on a database in memory, or a file where two look at it.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::testing::{bare, plan, step, up};
use super::{Cause, Done, Failure, Fate, Kind, Plan, Step, Watch, applied, apply, check};

fn memory() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute("PRAGMA foreign_keys = ON").unwrap();
    conn
}

fn run(conn: &mut SqliteConnection, steps: Vec<Step>) -> Result<Vec<Done>, Failure> {
    apply(conn, &plan(steps), &mut |_: &Step| {})
}

fn number(conn: &mut SqliteConnection, sql: &str) -> i64 {
    #[derive(QueryableByName)]
    struct N {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    diesel::sql_query(format!("SELECT ({sql}) AS n")).get_result::<N>(conn).unwrap().n
}

fn settings(conn: &mut SqliteConnection) -> (i64, i64) {
    let keys = number(conn, "SELECT foreign_keys FROM pragma_foreign_keys");
    (keys, number(conn, "SELECT legacy_alter_table FROM pragma_legacy_alter_table"))
}

const PARENT: &str = "CREATE TABLE p (id INTEGER PRIMARY KEY); \
                      CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p (id) ON DELETE CASCADE); \
                      INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1);";

/// SQLite's recipe for what ALTER TABLE cannot do.
const REBUILD: &str = "-- foreign keys off\nPRAGMA foreign_keys = OFF;\nPRAGMA legacy_alter_table = ON;\n\
                       CREATE TABLE new_p (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '');\n\
                       INSERT INTO new_p (id) SELECT id FROM p;\nDROP TABLE p;\nALTER TABLE new_p RENAME TO p;\n";

#[test]
fn each_migration_runs_once_with_its_row() {
    let mut conn = memory();
    let steps =
        || vec![up("1", "CREATE TABLE a (x)"), up("2", "CREATE TABLE b (x); INSERT INTO b VALUES (1)")];
    let ran: Vec<bool> = run(&mut conn, steps()).unwrap().iter().map(|done| done.ran).collect();
    assert_eq!(ran, [true, true]);
    let again: Vec<bool> = run(&mut conn, steps()).unwrap().iter().map(|done| done.ran).collect();
    assert_eq!(again, [false, false]);
    assert_eq!(applied(&mut conn).unwrap(), ["1", "2"]);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM b"), 1);
}

#[test]
fn what_is_not_applied_is_not_reverted_again() {
    let mut conn = memory();
    run(&mut conn, vec![up("1", "CREATE TABLE a (x)")]).unwrap();
    let down = || vec![step(Kind::Down, "1", "DROP TABLE a")];
    assert!(run(&mut conn, down()).unwrap()[0].ran);
    assert!(!run(&mut conn, down()).unwrap()[0].ran);
    assert!(applied(&mut conn).unwrap().is_empty());
}

#[test]
fn a_failure_names_the_line_and_keeps_what_ran_before() {
    let mut conn = memory();
    let wrong = "CREATE TABLE b (x);\n\n/* two\nlines */ INSERT INTO nowhere\nVALUES (1);\nSELECT 1;";
    let steps = vec![up("1", "CREATE TABLE a (x)"), up("2", wrong), up("3", "CREATE TABLE c (x)")];
    let text = run(&mut conn, steps).unwrap_err().to_string();
    assert_eq!(
        text,
        "2_name/up.sql, line 4: no such table: nowhere. 2_name was rolled back; kept is what ran before it: 1_name"
    );
    assert_eq!(applied(&mut conn).unwrap(), ["1"]);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM sqlite_master WHERE name IN ('b', 'c')"), 0);
}

#[test]
fn what_may_not_run_as_it_is_written_keeps_the_others_from_running() {
    let mut conn = memory();
    let steps = vec![up("1", "CREATE TABLE a (x)"), up("2", "SELECT 1;\nCOMMIT")];
    let checked = check(&plan(steps.clone())).unwrap_err();
    let failure = run(&mut conn, steps).unwrap_err();
    assert_eq!((&failure, failure.fate), (&checked, Fate::NotRun));
    let text = failure.to_string();
    assert!(text.contains("up.sql, line 2: `COMMIT`") && text.ends_with(". Nothing was run"), "{text}");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM sqlite_master"), 0);
}

#[test]
fn the_first_failure_leaves_not_even_diesels_table() {
    let mut conn = memory();
    let text = run(&mut conn, vec![up("1", "CRATE TABLE a")]).unwrap_err().to_string();
    assert!(text.contains("line 1: near \"CRATE\": syntax error"), "{text}");
    assert!(text.ends_with("1_name was rolled back; nothing was changed before it"), "{text}");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM sqlite_master"), 0);
}

#[test]
fn sqlites_recipe_for_rebuilding_a_table_works() {
    let mut conn = memory();
    run(&mut conn, vec![up("1", PARENT)]).unwrap();
    run(&mut conn, vec![up("2", REBUILD)]).unwrap();
    // With foreign keys on, dropping the table would have deleted its children.
    assert_eq!(number(&mut conn, "SELECT count(*) FROM c"), 1);
    assert_eq!(settings(&mut conn), (1, 0));
    assert!(conn.batch_execute("INSERT INTO c VALUES (2, 99)").is_err(), "foreign keys hold again");
}

#[test]
fn the_settings_are_back_after_a_failure_too() {
    for wrong in [
        format!("{REBUILD} SELECT nothing;"),
        "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = 1; BEGIN; SELECT 1".to_owned(),
    ] {
        let mut conn = memory();
        run(&mut conn, vec![up("1", PARENT)]).unwrap();
        run(&mut conn, vec![up("2", &wrong)]).unwrap_err();
        assert_eq!(settings(&mut conn), (1, 0), "{wrong}");
        assert_eq!(number(&mut conn, "SELECT count(*) FROM c"), 1, "{wrong}");
    }
    let mut conn = memory();
    conn.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
    run(&mut conn, vec![up("1", "PRAGMA foreign_keys = ON; SELECT 1")]).unwrap();
    run(&mut conn, vec![bare("2", "PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = ON")]).unwrap();
    assert_eq!(settings(&mut conn), (0, 0));
}

#[test]
fn foreign_keys_have_to_hold_before_the_commit() {
    let mut conn = memory();
    run(&mut conn, vec![up("1", PARENT)]).unwrap();
    let failure = run(&mut conn, vec![up("2", "PRAGMA foreign_keys = 0; DELETE FROM p")]).unwrap_err();
    assert_eq!(failure.cause, Cause::ForeignKeys("row 1 of c has no row in p".into()));
    assert_eq!(number(&mut conn, "SELECT count(*) FROM p"), 1);
    assert_eq!(settings(&mut conn), (1, 0));
}

#[test]
fn turning_foreign_keys_off_too_late_is_refused() {
    let mut conn = memory();
    run(&mut conn, vec![up("1", PARENT)]).unwrap();
    let sql = "SELECT 1;\nPRAGMA foreign_keys = OFF; DROP TABLE p;";
    let failure = run(&mut conn, vec![up("2", sql)]).unwrap_err();
    assert_eq!(failure.cause, Cause::TooLate("PRAGMA foreign_keys = OFF".into()));
    assert_eq!(failure.at.unwrap().line, Some(2));
    // At the end, as the recipe has it, it is no mistake; nor behind another PRAGMA.
    let sql =
        format!("PRAGMA cache_size = 100; {REBUILD} PRAGMA foreign_key_check; PRAGMA foreign_keys = ON;");
    run(&mut conn, vec![up("2", &sql)]).unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) FROM c"), 1);
}

#[test]
fn a_migration_may_not_end_its_transaction() {
    for control in ["BEGIN", "COMMIT", "end transaction", "ROLLBACK", "BEGIN IMMEDIATE"] {
        let mut conn = memory();
        let sql = format!("CREATE TABLE a (x);\n{control};");
        // Found before anything runs, the first migration too.
        let failure = run(&mut conn, vec![up("1", "SELECT 1"), up("2", &sql)]).unwrap_err();
        assert_eq!(failure.cause, Cause::Control(control.into()));
        assert_eq!(failure.at.unwrap().line, Some(2));
        assert_eq!(number(&mut conn, "SELECT count(*) FROM sqlite_master"), 0);
    }
    let mut conn = memory();
    let inner = "SAVEPOINT s; CREATE TABLE a (x); ROLLBACK TO s; RELEASE s; \
                 CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; END;";
    run(&mut conn, vec![up("1", &format!("CREATE TABLE b (x); {inner}"))]).unwrap();
}

#[test]
fn a_statement_that_rolls_everything_back_by_itself_is_a_failure() {
    let mut conn = memory();
    run(&mut conn, vec![up("1", "CREATE TABLE a (x UNIQUE)")]).unwrap();
    let sql = "INSERT INTO a VALUES (1); INSERT OR ROLLBACK INTO a VALUES (1);";
    let text = run(&mut conn, vec![up("2", sql)]).unwrap_err().to_string();
    assert!(text.contains("line 1: UNIQUE constraint failed: a.x"), "{text}");
    assert_eq!(applied(&mut conn).unwrap(), ["1"]);
    run(&mut conn, vec![up("3", "CREATE TABLE b (x)")]).unwrap();
}

#[test]
fn one_without_a_transaction_keeps_what_came_before_its_failure() {
    let mut conn = memory();
    run(&mut conn, vec![bare("1", "CREATE TABLE a (x); BEGIN; INSERT INTO a VALUES (1); COMMIT; VACUUM")])
        .unwrap();
    let failure = run(&mut conn, vec![bare("2", "CREATE TABLE b (x);\nSELECT nothing;")]).unwrap_err();
    assert_eq!(failure.fate, Fate::Partly);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM sqlite_master WHERE name = 'b'"), 1);
    assert_eq!(applied(&mut conn).unwrap(), ["1"]);
    let failure = run(&mut conn, vec![bare("3", "BEGIN; CREATE TABLE c (x)")]).unwrap_err();
    assert_eq!(failure.cause, Cause::LeftOpen);
    run(&mut conn, vec![bare("4", "CREATE TABLE c (x)")]).unwrap();
}

#[test]
fn a_redo_is_one_transaction() {
    let mut conn = memory();
    run(&mut conn, vec![up("1", "CREATE TABLE a (x)")]).unwrap();
    let steps = vec![step(Kind::Down, "1", "DROP TABLE a"), up("1", "CREATE TABLE a (x, y; ")];
    let plan = Plan { steps, one_transaction: true };
    apply(&mut conn, &plan, &mut |_: &Step| {}).unwrap_err();
    assert_eq!(applied(&mut conn).unwrap(), ["1"]);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM sqlite_master WHERE name = 'a'"), 1);
}

#[test]
fn a_journal_mode_that_litefs_does_not_see_is_refused() {
    let mut conn = memory();
    let failure = run(&mut conn, vec![bare("1", "PRAGMA journal_mode = MEMORY")]).unwrap_err();
    assert!(matches!(failure.cause, Cause::JournalMode(_)));
}

#[test]
fn a_plan_travels() {
    let plan = Plan { steps: vec![up("1", "SELECT 1"), bare("2", "VACUUM")], one_transaction: true };
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn many_at_once_run_each_migration_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.db").to_str().unwrap().to_owned();
    let connect = || {
        let mut conn = SqliteConnection::establish(&file).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
        conn
    };
    connect().batch_execute("PRAGMA journal_mode = WAL; CREATE TABLE log (x)").unwrap();
    let steps =
        || (10..30).map(|n| up(&n.to_string(), &format!("INSERT INTO log VALUES ({n})"))).collect::<Vec<_>>();
    let runs: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| run(&mut connect(), steps()).unwrap())).collect();
        let done = workers.into_iter().flat_map(|worker| worker.join().unwrap());
        done.filter(|done| done.ran).count()
    });
    assert_eq!(runs, 20);
    let ordered = "SELECT count(*) FROM log a WHERE NOT EXISTS (SELECT 1 FROM log b WHERE b.rowid < a.rowid AND b.x >= a.x)";
    assert_eq!(number(&mut connect(), ordered), 20);
}

/// Says no to what the test names, and counts the commits.
#[derive(Default)]
struct Strict {
    before: &'static str,
    statement: &'static str,
    loses: bool,
    commits: usize,
}

impl Watch for Strict {
    fn may_begin(&mut self, step: &Step) -> Result<(), Cause> {
        if step.version == self.before { Err(Cause::Late) } else { Ok(()) }
    }

    fn may_run(&mut self, _: &mut SqliteConnection, sql: &str) -> Result<(), Cause> {
        if sql == self.statement { Err(Cause::Refused("not here".into())) } else { Ok(()) }
    }

    fn ran(&mut self, _: &mut SqliteConnection) -> Result<(), Cause> {
        Ok(())
    }

    fn committed(&mut self) -> Result<(), Cause> {
        self.commits += 1;
        if self.loses { Err(Cause::Moved("it went away".into())) } else { Ok(()) }
    }
}

#[test]
fn a_watch_stops_a_plan_before_a_step_and_what_ran_is_said() {
    let mut conn = memory();
    let steps = || [up("1", "CREATE TABLE a (x)"), up("2", "SELECT 2"), up("3", "SELECT 3")];
    let mut watch = Strict { before: "2", ..Strict::default() };
    let failure = apply(&mut conn, &plan(steps()), &mut watch).unwrap_err();
    assert_eq!((failure.fate, failure.left_something(), watch.commits), (Fate::NotRun, true, 1));
    let text = failure.to_string();
    assert!(
        text.contains("2_name and what comes after it did not run; kept is what ran before it: 1_name"),
        "{text}"
    );
    assert_eq!(applied(&mut conn).unwrap(), ["1"]);
    // What was done already commits nothing.
    let mut watch = Strict::default();
    apply(&mut conn, &plan(steps()), &mut watch).unwrap();
    assert_eq!(watch.commits, 2);
}

#[test]
fn a_watch_fails_a_statement_and_doubts_a_commit() {
    let mut conn = memory();
    let mut watch = Strict { statement: "SELECT 1", ..Strict::default() };
    let failure =
        apply(&mut conn, &plan([up("1", "CREATE TABLE a (x);\nSELECT 1;")]), &mut watch).unwrap_err();
    assert_eq!((failure.fate, failure.at.unwrap().line), (Fate::RolledBack, Some(2)));
    assert!(applied(&mut conn).unwrap().is_empty());
    let mut watch = Strict { loses: true, ..Strict::default() };
    let failure = apply(&mut conn, &plan([up("1", "SELECT 1")]), &mut watch).unwrap_err();
    assert_eq!(failure.fate, Fate::Unknown);
    assert!(failure.to_string().contains("Nobody can tell whether 1_name is kept"), "{failure}");
}
