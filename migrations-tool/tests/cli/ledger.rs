//! A migration that reaches for what the library keeps in the database is taken back, also where the tool
//! itself runs it.

use diesel::connection::SimpleConnection;

use crate::package::Package;

/// As the ledger makes it.
const LEDGER: &str = "CREATE TABLE __litefs_diesel_ledger (version INTEGER PRIMARY KEY, clock INTEGER NOT NULL); \
                      INSERT INTO __litefs_diesel_ledger VALUES (1, 7);";

#[test]
fn a_migration_that_touches_the_ledger_is_taken_back_and_the_ones_before_it_are_kept() {
    for (sql, words) in [
        ("DROP TABLE __litefs_diesel_ledger", "would change what the library keeps for itself"),
        ("UPDATE __litefs_diesel_ledger SET clock = 8", "would change what the library keeps for itself"),
        ("ALTER TABLE a RENAME TO __litefs_diesel_a", "would change what the library keeps for itself"),
        (
            "CREATE TRIGGER evil AFTER INSERT ON a BEGIN DELETE FROM __litefs_diesel_ledger; END",
            "would change what the library keeps for itself",
        ),
        // Its words name nothing of the ledger's; only the schema tells, once it ran.
        (
            "CREATE TRIGGER evil AFTER INSERT ON a BEGIN DELETE FROM sqlite_schema; END",
            "what the library keeps for itself (`evil`) was changed",
        ),
    ] {
        let package = Package::with_tables(&["1_a"]);
        package.connect("app.db").batch_execute(LEDGER).unwrap();
        package.migration("2_b", &format!("CREATE TABLE b (x);\n{sql};"), None);
        let said = ["2_b/up.sql, line 2", words, "2_b was rolled back", "kept is what ran before it: 1_a"];
        package.run(&["run"]).failed(1, &said);
        assert!(package.has("a") && !package.has("b"), "{sql}");
        assert_eq!(package.number("SELECT clock FROM __litefs_diesel_ledger"), 7, "{sql}");
        assert_eq!(package.number("SELECT count(*) FROM sqlite_master WHERE name = 'evil'"), 0, "{sql}");
    }
}
