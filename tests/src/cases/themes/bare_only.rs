//! Cases in which a connection of a node may differ from a bare one, each with the reason.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use crate::cases::custom::AnyRow;
use crate::cases::observe::seen;
use crate::cases::schema::users;
use crate::cases::{Case, Scope};

pub(super) const CASES: &[Case<Conn>] = &[
    Case {
        name: "bare_only::or_fail_keeps_what_came_before",
        scope: Scope::BareOnly("a statement's failure takes back all of the request, also with OR FAIL"),
        body: or_fail_keeps_what_came_before,
    },
    Case {
        name: "bare_only::raise_fail_keeps_what_came_before",
        scope: Scope::BareOnly("a statement's failure takes back all of the request, also with RAISE(FAIL)"),
        body: raise_fail_keeps_what_came_before,
    },
    Case {
        name: "bare_only::script_keeps_what_came_before_an_error",
        scope: Scope::BareOnly("a script of several statements is one request: all or nothing"),
        body: script_keeps_what_came_before_an_error,
    },
    Case {
        name: "bare_only::script_that_leaves_a_transaction_open",
        scope: Scope::BareOnly("a script runs as one request, and none stays open behind it"),
        body: script_that_leaves_a_transaction_open,
    },
    Case {
        name: "bare_only::foreign_keys_turned_off",
        scope: Scope::BareOnly("a setting of the repo: turned off here, it would still hold on the primary"),
        body: foreign_keys_turned_off,
    },
    Case {
        name: "bare_only::temporary_table",
        scope: Scope::BareOnly(
            "a replica refuses TEMP tables: they belong to a connection, not to the database",
        ),
        body: temporary_table,
    },
    Case {
        name: "bare_only::attached_database",
        scope: Scope::BareOnly("a replica refuses ATTACH: it belongs to a connection, not to the database"),
        body: attached_database,
    },
    Case {
        name: "bare_only::total_changes",
        scope: Scope::BareOnly("counts what one SQLite connection did; on the primary that is shared by all"),
        body: total_changes,
    },
    Case {
        name: "bare_only::count_of_what_changes_no_row",
        scope: Scope::BareOnly("SQLite gives the count of the write before, whoever made it"),
        body: count_of_what_changes_no_row,
    },
];

fn names(conn: &mut Conn) -> QueryResult<Vec<String>> {
    users::table.select(users::name).order(users::id).load(conn)
}

fn or_fail_keeps_what_came_before(conn: &mut Conn) -> QueryResult<Value> {
    let failed = diesel::sql_query(
        "INSERT OR FAIL INTO case_users (id, name) VALUES (1, 'kept'), (1, 'fails'), (2, 'never tried')",
    )
    .execute(conn);
    Ok(json!([seen(failed), names(conn)?]))
}

fn raise_fail_keeps_what_came_before(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE TRIGGER case_fail BEFORE INSERT ON case_users WHEN NEW.id = 2 \
         BEGIN SELECT RAISE(FAIL, 'two'); END",
    )?;
    let failed =
        diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'kept'), (2, 'fails')").execute(conn);
    Ok(json!([seen(failed), names(conn)?]))
}

fn script_keeps_what_came_before_an_error(conn: &mut Conn) -> QueryResult<Value> {
    let failed = conn.batch_execute(
        "INSERT INTO case_users (id, name) VALUES (1, 'kept'); INSERT INTO case_users (id, name) VALUES (1, 'fails');
         INSERT INTO case_users (id, name) VALUES (2, 'never tried')",
    );
    Ok(json!([seen(failed), names(conn)?]))
}

fn script_that_leaves_a_transaction_open(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("BEGIN; INSERT INTO case_users (id, name) VALUES (1, 'Ada')")?;
    let inside = names(conn)?;
    conn.batch_execute("ROLLBACK")?;
    Ok(json!([inside, names(conn)?]))
}

fn foreign_keys_turned_off(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("PRAGMA foreign_keys = OFF")?;
    let orphan = diesel::sql_query("INSERT INTO case_posts (id, user_id, title) VALUES (1, 9, 'orphan')")
        .execute(conn);
    let broken: Vec<AnyRow> = diesel::sql_query("PRAGMA foreign_key_check(case_posts)").load(conn)?;
    diesel::sql_query("DELETE FROM case_posts").execute(conn)?;
    conn.batch_execute("PRAGMA foreign_keys = ON")?;
    Ok(json!([seen(orphan), broken]))
}

fn temporary_table(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "CREATE TEMP TABLE case_temporary (word TEXT); INSERT INTO case_temporary VALUES ('here')",
    )?;
    let rows: Vec<AnyRow> = diesel::sql_query("SELECT word FROM temp.case_temporary").load(conn)?;
    conn.batch_execute("DROP TABLE case_temporary")?;
    Ok(json!(rows))
}

fn attached_database(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "ATTACH ':memory:' AS other; CREATE TABLE other.t (n); INSERT INTO other.t VALUES (1)",
    )?;
    let rows: Vec<AnyRow> = diesel::sql_query("SELECT n FROM other.t").load(conn)?;
    conn.batch_execute("DETACH other")?;
    Ok(json!(rows))
}

fn total_changes(conn: &mut Conn) -> QueryResult<Value> {
    let total = |conn: &mut Conn| {
        diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>("total_changes()"))
            .get_result::<i64>(conn)
    };
    let before = total(conn)?;
    diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'Ada'), (2, 'Bob')").execute(conn)?;
    Ok(json!(total(conn)? - before))
}

fn count_of_what_changes_no_row(conn: &mut Conn) -> QueryResult<Value> {
    diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'Ada'), (2, 'Bob')").execute(conn)?;
    let counts = [
        diesel::sql_query("CREATE INDEX case_by_age ON case_users (age)").execute(conn)?,
        diesel::sql_query("SELECT 1").execute(conn)?,
        diesel::sql_query("PRAGMA user_version = 0").execute(conn)?,
    ];
    Ok(json!(counts))
}
