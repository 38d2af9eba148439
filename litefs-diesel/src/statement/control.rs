//! Transaction control, in every form that SQLite accepts.

use super::split::{Token, first_statement};

/// A statement that begins, ends or marks a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Begin(Mode),
    /// `COMMIT`, or its other name `END`.
    Commit,
    Rollback,
    Savepoint(String),
    Release(String),
    RollbackTo(String),
}

/// How a `BEGIN` asks for its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Deferred,
    Immediate,
    Exclusive,
}

impl Control {
    /// What the first statement of a text is, when it is transaction control.
    ///
    /// `None` also for what only begins like it: that is a syntax error, and SQLite's to give.
    pub(crate) fn parse(sql: &str) -> Option<Self> {
        let mut tokens = first_statement(sql).peekable();
        let first = tokens.next()?;
        let Token::Word(word) = first else { return None };
        // Most statements are not control: told by their first letter.
        if !matches!(word.as_bytes().first()?.to_ascii_uppercase(), b'B' | b'C' | b'E' | b'R' | b'S') {
            return None;
        }
        let mut eat = |keyword: &str| tokens.next_if(|token| token.is(keyword)).is_some();
        let control = if first.is("BEGIN") {
            let mode = match () {
                () if eat("IMMEDIATE") => Mode::Immediate,
                () if eat("EXCLUSIVE") => Mode::Exclusive,
                () => {
                    eat("DEFERRED");
                    Mode::Deferred
                }
            };
            if eat("TRANSACTION") {
                // A name is allowed, and means nothing.
                tokens.next_if(|token| token.name().is_some());
            }
            Self::Begin(mode)
        } else if first.is("COMMIT") || first.is("END") {
            if eat("TRANSACTION") {
                tokens.next_if(|token| token.name().is_some());
            }
            Self::Commit
        } else if first.is("ROLLBACK") {
            if eat("TRANSACTION") {
                tokens.next_if(|token| token.name().is_some() && !token.is("TO"));
            }
            if tokens.next_if(|token| token.is("TO")).is_some() {
                Self::RollbackTo(savepoint(&mut tokens)?)
            } else {
                Self::Rollback
            }
        } else if first.is("SAVEPOINT") {
            Self::Savepoint(tokens.next()?.name()?)
        } else if first.is("RELEASE") {
            Self::Release(savepoint(&mut tokens)?)
        } else {
            return None;
        };
        tokens.next().is_none().then_some(control)
    }
}

/// `[SAVEPOINT] name`.
fn savepoint<'s>(tokens: &mut std::iter::Peekable<impl Iterator<Item = Token<'s>>>) -> Option<String> {
    let first = tokens.next()?;
    if first.is("SAVEPOINT") { tokens.next()?.name() } else { first.name() }
}

#[cfg(test)]
mod tests {
    use diesel::connection::{Connection, SimpleConnection};
    use diesel::sqlite::SqliteConnection;

    use super::*;

    #[test]
    fn every_form_that_sqlite_accepts_is_known() {
        use Control::{Begin, Commit, Release, Rollback, RollbackTo, Savepoint};
        let name = |name: &str| name.to_owned();
        let cases = [
            ("BEGIN", Begin(Mode::Deferred)),
            ("begin deferred transaction", Begin(Mode::Deferred)),
            ("/* c */ Begin -- c\n Immediate Transaction x;", Begin(Mode::Immediate)),
            (";; BEGIN EXCLUSIVE;", Begin(Mode::Exclusive)),
            ("COMMIT", Commit),
            ("END", Commit),
            ("END TRANSACTION", Commit),
            ("commit transaction 'x'", Commit),
            ("ROLLBACK", Rollback),
            ("ROLLBACK TRANSACTION", Rollback),
            ("SAVEPOINT a", Savepoint(name("a"))),
            ("SAVEPOINT [a b]", Savepoint(name("a b"))),
            ("RELEASE a", Release(name("a"))),
            ("RELEASE SAVEPOINT \"a\"\"b\"", Release(name("a\"b"))),
            ("ROLLBACK TO a", RollbackTo(name("a"))),
            ("ROLLBACK TRANSACTION TO SAVEPOINT `a`", RollbackTo(name("a"))),
            ("ROLLBACK TRANSACTION x TO 'a'", RollbackTo(name("a"))),
        ];
        for (sql, control) in cases {
            assert_eq!(Control::parse(sql).as_ref(), Some(&control), "{sql}");
            // SQLite accepts it too: its syntax, that is.
            let mut conn = SqliteConnection::establish(":memory:").unwrap();
            if let Err(error) = conn.batch_execute(sql) {
                assert!(!error.to_string().contains("syntax"), "{sql}: {error}");
            }
        }
    }

    #[test]
    fn what_only_begins_like_control_is_none() {
        for sql in [
            "",
            ";",
            "SELECT 1",
            "BEGIN x",
            "COMMIT 1",
            "END IF",
            "ROLLBACK TO",
            "SAVEPOINT",
            "RELEASE",
            "REINDEX",
            "REPLACE INTO t VALUES (1)",
            "CREATE TABLE t (a)",
            "'BEGIN'",
            "\"COMMIT\"",
        ] {
            assert_eq!(Control::parse(sql), None, "{sql}");
        }
    }
}
