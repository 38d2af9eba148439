//! What a statement's words tell.

use super::Site;
use super::forbidden::{Forbidden, shown};
use super::names::Names;
use super::pragma;
use crate::statement::control::Control;
use crate::statement::kind::makes_temp;
use crate::statement::split::{Token, first_statement, from_first_token};

/// What is to be looked at besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// Reads or writes rows.
    Rows(Names),
    /// Makes something of the schema.
    Makes,
    /// Changes or drops something of it, or rebuilds what is in it.
    Alters,
    /// Begins, ends or marks a transaction.
    Controls,
    /// Nothing that a look at the database could tell.
    Other,
}

/// What a text's first statement is, or why it may not run.
pub(super) fn look(sql: &str, site: Site) -> Result<Sort, Forbidden> {
    let mut tokens = first_statement(sql);
    // Nothing to run: SQLite says so.
    let Some(first) = tokens.next() else { return Ok(Sort::Other) };
    let is = |words: &[&str]| words.iter().any(|word| first.is(word));
    if is(&["INSERT", "SELECT", "UPDATE", "DELETE", "WITH", "REPLACE", "VALUES"]) {
        return of_rows(sql, site);
    }
    if is(&["CREATE", "DROP", "ALTER", "REINDEX", "ANALYZE"]) {
        return of_schema(sql, &first, tokens, site);
    }
    if first.is("PRAGMA") {
        return pragma::look(sql, site).map(|()| Sort::Other);
    }
    if first.is("EXPLAIN") {
        return of_explain(sql, site);
    }
    if is(&["ATTACH", "DETACH"]) {
        return Err(Forbidden::Attach(shown(sql)));
    }
    if first.is("VACUUM") {
        // Without INTO it is SQLite's to refuse in a transaction, and where nothing is written.
        return match tokens.any(|token| token.is("INTO")) {
            true => Err(Forbidden::VacuumInto(shown(sql))),
            false => Ok(Sort::Other),
        };
    }
    match (Control::parse(sql).is_some(), site) {
        (true, Site::Read) => Err(Forbidden::Control(shown(sql))),
        (true, Site::Alone) => Err(Forbidden::NotAlone(shown(sql))),
        // In a group it is refused before; in a transaction a savepoint may be.
        (true, _) => Ok(Sort::Controls),
        // No statement of the SQLite that this was written for.
        (false, _) => of_rows(sql, site),
    }
}

fn of_rows(sql: &str, site: Site) -> Result<Sort, Forbidden> {
    let names = Names::of(sql);
    if names.load_extension {
        return Err(Forbidden::LoadExtension(shown(sql)));
    }
    if names.pages && site != Site::Read {
        return Err(Forbidden::Schema(shown(sql)));
    }
    if site == Site::Alone {
        return Err(Forbidden::NotAlone(shown(sql)));
    }
    Ok(Sort::Rows(names))
}

fn of_schema<'s>(
    sql: &str,
    first: &Token<'_>,
    rest: impl Iterator<Item = Token<'s>>,
    site: Site,
) -> Result<Sort, Forbidden> {
    let names = Names::of(sql);
    if names.load_extension {
        return Err(Forbidden::LoadExtension(shown(sql)));
    }
    if names.pages {
        return Err(Forbidden::Schema(shown(sql)));
    }
    if names.ours {
        return Err(Forbidden::Ledger(shown(sql)));
    }
    let temp = if first.is("CREATE") {
        makes_temp(rest)
    } else {
        // `EXPLAIN` would not tell: it shows ALTER and DROP of any table to write into the TEMP schema.
        names.temp
    };
    if temp && site != Site::Migration {
        return Err(Forbidden::Temp(shown(sql)));
    }
    if site == Site::Alone {
        return Err(Forbidden::NotAlone(shown(sql)));
    }
    Ok(if first.is("CREATE") { Sort::Makes } else { Sort::Alters })
}

/// `EXPLAIN [QUERY PLAN] …` runs nothing, but for some `PRAGMA`s.
fn of_explain(sql: &str, site: Site) -> Result<Sort, Forbidden> {
    if site == Site::Alone {
        return Err(Forbidden::NotAlone(shown(sql)));
    }
    let mut rest = from_first_token(sql);
    for word in ["EXPLAIN", "QUERY", "PLAN"] {
        if first_statement(rest).next().is_some_and(|first| first.is(word)) {
            let behind = rest.get(word.len()..);
            rest = from_first_token(behind.unwrap_or_default());
        }
    }
    if first_statement(rest).next().is_some_and(|first| first.is("PRAGMA")) {
        pragma::look(rest, site)?;
    }
    Ok(Sort::Other)
}
