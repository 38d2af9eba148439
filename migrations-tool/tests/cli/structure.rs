//! `dump` and `load`.

use crate::package::Package;

fn package() -> Package {
    let package = Package::new();
    package.migration(
        "1_a",
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE);
         CREATE INDEX a_name ON a (name);
         CREATE VIEW v AS SELECT name FROM a;
         CREATE TRIGGER t INSTEAD OF INSERT ON v BEGIN INSERT INTO a (name) VALUES (new.name); SELECT 1; END;
         INSERT INTO a (name) VALUES ('x');",
        None,
    );
    package.migration("2_b", "CREATE VIRTUAL TABLE words USING fts5 (word);", None);
    package
}

#[test]
fn what_is_dumped_loads_into_a_new_database_that_has_nothing_pending() {
    let package = package();
    package.run(&["run"]).ok();
    package.run(&["dump"]).ok();
    let structure = package.read("priv/repo/structure.sql");
    assert!(structure.contains("('1'),\n  ('2');"), "{structure}");
    assert!(!structure.contains("sqlite_sequence") && !structure.contains("words_data"), "{structure}");

    package.run(&["load", "--database-url", "new.db"]).ok();
    assert_eq!(package.run(&["pending", "--database-url", "new.db"]).ok(), "false\n");
    package.run(&["dump", "-d", "again.sql", "--database-url", "new.db"]).ok();
    assert_eq!(package.read("again.sql"), structure);
    let rows = crate::package::number(&mut package.connect("new.db"), "SELECT count(*) FROM a");
    assert_eq!(rows, 0, "the structure, not the rows");
}

#[test]
fn load_does_not_touch_a_database_that_has_something() {
    let package = package();
    package.run(&["run"]).ok();
    package.run(&["dump", "--dump-path", "s.sql"]).ok();
    package.run(&["load", "-d", "s.sql"]).failed(1, &["has something in it", "--force", "--skip-if-loaded"]);
    assert_eq!(package.run(&["load", "-d", "s.sql", "--skip-if-loaded"]).ok(), "");
    let words = ["s.sql, line", "already exists", "was rolled back"];
    package.run(&["load", "-d", "s.sql", "-f"]).failed(1, &words);
    package.run(&["load", "-d", "none.sql"]).failed(1, &["there is no none.sql", "dump"]);
    package.write("empty.sql", " ");
    package.run(&["load", "-d", "empty.sql"]).failed(1, &["empty.sql is empty"]);
}
