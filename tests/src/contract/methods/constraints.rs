//! What the database says no to: equal to what a bare `SqliteConnection` says.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use litefs_diesel::Error;
use serde_json::{Value, json};

use super::schema::FRESH;
use super::{Case, Repo, cases};
use crate::contract::outcome;

pub(super) const CASES: &[Case] = cases![violations];

const SETUP: &str = "
    INSERT INTO users (id, name, email) VALUES (1, 'Ada', 'ada@example.org');
    INSERT INTO posts VALUES (1, 1, 'One');
    CREATE TRIGGER no_tuesdays BEFORE INSERT ON posts WHEN NEW.title = 'Tuesday'
        BEGIN SELECT RAISE(ABORT, 'not on a Tuesday'); END;
";

const VIOLATIONS: &[&str] = &[
    "INSERT INTO users (id, name) VALUES (1, 'x')",
    "INSERT INTO users (name, email) VALUES ('x', 'ada@example.org')",
    "INSERT INTO users (name) VALUES (NULL)",
    "INSERT INTO users (name) VALUES ('nobody')",
    "UPDATE users SET name = 'nobody'",
    "INSERT INTO posts (user_id, title) VALUES (99, 'x')",
    "DELETE FROM users WHERE id = 1",
    "INSERT INTO posts (user_id, title) VALUES (1, 'Tuesday')",
    "INSERT INTO follows VALUES (1, 2, 'a'), (1, 2, 'b')",
    "INSERT INTO users (id, name) VALUES ('text', 'x')",
    "INSERT INTO nothing VALUES (1)",
    "INSERT INTO users (nothing) VALUES (1)",
    "INSERT INTO users VALUES (1)",
    "UPDATE users SET age = abs(-9223372036854775808)",
    "NONSENSE",
    "",
    "INSERT INTO users (name) VALUES ('x",
];

/// Through a repo, in a statement each, on a connection, and inside a transaction.
async fn violations(repo: Repo) -> Result<Value, Error> {
    repo.run(|conn| Ok::<_, Error>(conn.batch_execute(SETUP)?)).await?;
    let mut by_repo = Vec::new();
    for sql in VIOLATIONS {
        let said = match repo.execute(diesel::sql_query(*sql)).await {
            Err(Error::Rejected(error)) => outcome::diesel(&error),
            other => json!(format!("{other:?}")),
        };
        by_repo.push(said);
    }
    let by_connection = repo.run(|conn| Ok::<_, Error>(said(conn))).await?;
    let inside = repo.transaction(|conn| Ok::<_, Error>(said(conn))).await?;
    Ok(json!({ "repo": by_repo, "connection": by_connection, "transaction": inside }))
}

fn said<C>(conn: &mut C) -> Vec<Value>
where
    C: diesel::connection::LoadConnection<Backend = diesel::sqlite::Sqlite>,
{
    let run = |sql: &&str| match diesel::sql_query(*sql).execute(conn) {
        Ok(count) => json!(count),
        Err(error) => outcome::diesel(&error),
    };
    VIOLATIONS.iter().map(run).collect()
}

/// What a bare connection says to the same: with foreign keys on, as every repo has them.
///
/// # Errors
/// When the tables cannot be made.
pub fn on_bare() -> Result<Vec<Value>, Box<dyn std::error::Error>> {
    let mut conn = SqliteConnection::establish(":memory:")?;
    conn.batch_execute("PRAGMA foreign_keys = ON")?;
    conn.batch_execute(FRESH)?;
    conn.batch_execute(SETUP)?;
    Ok(said(&mut conn))
}
