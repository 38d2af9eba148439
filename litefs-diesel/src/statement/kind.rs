//! Does a statement read or write? What SQLite itself says, by `EXPLAIN`.
//!
//! Words alone decide only what `EXPLAIN` cannot: a `PRAGMA` (which it may run), an `EXPLAIN`
//! (which it cannot explain), and `CREATE … IF NOT EXISTS` and `DROP … IF EXISTS` of what is there
//! or not (which it shows as reading). In doubt it is a write: the primary can run both.

use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{Integer, Nullable, Text};
use diesel::sqlite::SqliteConnection;
use rustc_hash::FxHashSet;

use super::control::Control;
use super::split::{Token, first_statement, from_first_token};

/// What a statement does, and what it asks of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) effect: Effect,
    /// It calls `last_insert_rowid()`, `changes()` or `total_changes()`.
    pub(crate) asks_session: bool,
}

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Reads, and nothing else.
    Reads,
    /// Reads by its opcodes, but calls a function that is not SQLite's own. It may write, as
    /// FTS3's `SELECT optimize(t) FROM t` does.
    CallsOut,
    /// Writes into the database.
    Writes,
    /// Writes into the connection's own TEMP database only.
    WritesTemp,
    /// `ATTACH` or `DETACH`.
    Attaches,
    /// `VACUUM`.
    Vacuums,
    /// Begins, ends or marks a transaction.
    Controls,
    /// A `PRAGMA`; `pragma::Pragma` tells more.
    Pragma,
}

impl Effect {
    const fn plain(self) -> Kind {
        Kind { effect: self, asks_session: false }
    }
}

/// The functions of SQLite itself, which never write, as a connection has them.
#[derive(Debug, Default)]
pub(crate) struct BuiltIns(FxHashSet<String>);

/// Functions of SQLite's own full-text search that only read. They are not told to be built in,
/// because each table brings its own.
const FULL_TEXT: [&str; 5] = ["snippet", "offsets", "matchinfo", "highlight", "bm25"];

impl BuiltIns {
    pub(crate) fn of(conn: &mut SqliteConnection) -> QueryResult<Self> {
        #[derive(QueryableByName)]
        struct Name {
            #[diesel(sql_type = Text)]
            name: String,
        }
        // A name that the application has defined anew is no longer SQLite's.
        let list = "SELECT name FROM pragma_function_list GROUP BY name HAVING min(builtin) = 1";
        let names: Vec<Name> = diesel::sql_query(list).load(conn)?;
        let names = names.into_iter().map(|row| row.name.to_ascii_lowercase());
        Ok(Self(names.chain(FULL_TEXT.map(str::to_owned)).collect()))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The kind of a text's first statement where its words tell, and `EXPLAIN` could not.
pub(crate) fn by_words(sql: &str) -> Option<Kind> {
    let mut tokens = first_statement(sql);
    let Some(first) = tokens.next() else {
        // Nothing to run: this node's SQLite says so as any would.
        return Some(Effect::Reads.plain());
    };
    if first.is("PRAGMA") {
        return Some(Effect::Pragma.plain());
    }
    if first.is("EXPLAIN") {
        // `EXPLAIN PRAGMA` runs some.
        let of_pragma = tokens.find(|token| !token.is("QUERY") && !token.is("PLAN"));
        let of_pragma = of_pragma.is_some_and(|token| token.is("PRAGMA"));
        return Some(if of_pragma { Effect::Writes } else { Effect::Reads }.plain());
    }
    if first.is("CREATE") && makes_temp(tokens) {
        // Also where it cannot be explained, as one made from a table that is not here yet.
        return Some(Effect::WritesTemp.plain());
    }
    Control::parse(sql).map(|_| Effect::Controls.plain())
}

/// Whether what follows a `CREATE` makes something of the connection's own: `TEMP …`, or
/// `TABLE [IF NOT EXISTS] temp.name`.
pub(crate) fn makes_temp<'s>(tokens: impl Iterator<Item = Token<'s>>) -> bool {
    const KINDS: [&str; 7] = ["TABLE", "VIEW", "TRIGGER", "VIRTUAL", "IF", "NOT", "EXISTS"];
    let mut tokens = tokens.skip_while(|token| KINDS.iter().any(|kind| token.is(kind)));
    let Some(first) = tokens.next() else { return false };
    let is_temp = |name: &str| name.eq_ignore_ascii_case("temp") || name.eq_ignore_ascii_case("temporary");
    if !first.name().is_some_and(|name| is_temp(&name)) {
        return false;
    }
    match tokens.next() {
        Some(Token::Mark('.')) => true,
        // `CREATE TABLE temp (a)` is a table of that name.
        next => {
            matches!(first, Token::Word(_)) && next.is_some_and(|next| KINDS.iter().any(|kind| next.is(kind)))
        }
    }
}

/// What SQLite says of a text's first statement.
///
/// An error says nothing of the statement: a table may not be here yet, so it must not be kept.
pub(crate) fn explain(conn: &mut SqliteConnection, built_ins: &BuiltIns, sql: &str) -> QueryResult<Kind> {
    if let Some(kind) = by_words(sql) {
        return Ok(kind);
    }
    Ok(of_program(&program(conn, sql)?, built_ins, sql))
}

/// What SQLite would do for a text's first statement, that of its triggers and foreign keys too. Must
/// not be asked about a `PRAGMA`, of which it runs some.
pub(crate) fn program(conn: &mut SqliteConnection, sql: &str) -> QueryResult<Vec<Opcode>> {
    diesel::sql_query(format!("EXPLAIN {}", from_first_token(sql))).load(conn)
}

/// One step of it.
#[derive(QueryableByName)]
pub(crate) struct Opcode {
    #[diesel(sql_type = Text)]
    pub(crate) opcode: String,
    #[diesel(sql_type = Integer)]
    pub(crate) p1: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) p2: i32,
    #[diesel(sql_type = Integer)]
    pub(crate) p3: i32,
    #[diesel(sql_type = Nullable<Text>)]
    p4: Option<String>,
}

fn of_program(program: &[Opcode], built_ins: &BuiltIns, sql: &str) -> Kind {
    let (mut calls_out, mut asks_session) = (false, false);
    let (mut temp, mut main, mut whole) = (false, false, None);
    for Opcode { opcode, p1, p2, p4, .. } in program {
        match opcode.as_str() {
            "Transaction" if *p2 != 0 => match p1 {
                1 => temp = true,
                _ => main = true,
            },
            // `VACUUM INTO` (p2: where the name is) reads the database and writes a file here.
            "Vacuum" => whole = Some(if *p2 == 0 { Effect::Vacuums } else { Effect::CallsOut }),
            "AutoCommit" | "Savepoint" => whole = Some(Effect::Controls),
            "JournalMode" | "Checkpoint" => main = true,
            "Function" | "PureFunc" => {
                let name = p4.as_deref().unwrap_or_default();
                let name = name.split('(').next().unwrap_or_default().to_ascii_lowercase();
                match name.as_str() {
                    "sqlite_attach" | "sqlite_detach" => whole = Some(Effect::Attaches),
                    "last_insert_rowid" | "changes" | "total_changes" => asks_session = true,
                    name => calls_out |= !built_ins.has(name),
                }
            }
            _ => {}
        }
    }
    let effect = match whole {
        Some(effect) => effect,
        None if main => Effect::Writes,
        None if temp => Effect::WritesTemp,
        None if defines(sql) => Effect::Writes,
        None if calls_out => Effect::CallsOut,
        None => Effect::Reads,
    };
    Kind { effect, asks_session }
}

/// Whether it is a `CREATE` or a `DROP`: a write, also where `IF [NOT] EXISTS` leaves nothing to
/// do here. It may still be to do on the primary.
fn defines(sql: &str) -> bool {
    first_statement(sql).next().is_some_and(|first| first.is("CREATE") || first.is("DROP"))
}

/// Whether a statement sets what `changes()` and `last_insert_rowid()` answer.
pub(crate) fn sets_session(sql: &str) -> bool {
    const WORDS: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "REPLACE", "WITH"];
    first_statement(sql).next().is_some_and(|first| WORDS.iter().any(|word| first.is(word)))
}

/// Whether a statement inserts rows, and so may set `last_insert_rowid()`. `INTO` tells, and not
/// `REPLACE`, which is a function too.
pub(crate) fn may_insert(sql: &str) -> bool {
    first_statement(sql).any(|token| token.is("INTO"))
}

/// Whether an insert may leave `last_insert_rowid()` as it was, although it changes a row: an
/// upsert that updates.
pub(crate) fn may_upsert(sql: &str) -> bool {
    first_statement(sql).any(|token| token.is("CONFLICT"))
}

/// Whether a text may ask for `last_insert_rowid()` or `changes()`, for a text that SQLite could
/// not explain here. Too often yes does no harm.
pub(crate) fn may_ask_session(sql: &str) -> bool {
    const NAMES: [&str; 3] = ["last_insert_rowid", "changes", "total_changes"];
    super::split::tokens(sql).any(|(token, ..)| match token {
        Token::Word(_) => NAMES.iter().any(|name| token.is(name)),
        Token::Quoted(quoted) => NAMES.iter().any(|name| quoted.to_ascii_lowercase().contains(name)),
        _ => false,
    })
}

#[cfg(test)]
#[path = "kind_tests.rs"]
mod tests;
