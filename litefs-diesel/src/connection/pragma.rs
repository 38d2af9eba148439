//! A `PRAGMA` outside of a transaction: applied here, forwarded, or refused.

use diesel::result::QueryResult;

use super::node::{Alone, NodeConnection};
use super::refusal::Refusal;
use crate::statement::pragma::{Does, Pragma};
use crate::statement::{Outcome, Statement, Want};
use crate::value::{ValueRef, Values};

impl NodeConnection {
    pub(super) fn pragma(&mut self, statement: Statement) -> QueryResult<Outcome> {
        // What only begins like one is a syntax error, and SQLite's to refuse.
        let Some(pragma) = Pragma::parse(&statement.sql) else { return self.try_here(statement, None) };
        let asked = pragma.value.clone().unwrap_or_default();
        match pragma.does() {
            Does::Asks => self.try_here(statement, None),
            Does::Tunes => {
                let text = statement.sql.clone();
                let outcome = self.try_here(statement, None)?;
                self.local.keep(pragma.name, text);
                Ok(outcome)
            }
            Does::Writes => self.forward(statement, None, Alone(false)),
            Does::WritesAlone => self.forward(statement, None, Alone(true)),
            Does::Governs => Err(Refusal::Governs { name: pragma.name }.into()),
            Does::ForeignKeys if pragma.is_on() == self.access.foreign_keys => Ok(none(&statement)),
            Does::ForeignKeys => {
                let has = if self.access.foreign_keys { "on" } else { "off" };
                Err(self.not_the_setting("foreign_keys", asked, has.to_owned()))
            }
            // It answers with the mode.
            Does::JournalMode if asked.eq_ignore_ascii_case(&self.access.journal_mode) => {
                self.try_here(Statement { sql: "PRAGMA journal_mode".to_owned(), ..statement }, None)
            }
            Does::JournalMode => {
                Err(self.not_the_setting("journal_mode", asked, self.access.journal_mode.clone()))
            }
            Does::Founds => {
                let has = self.answer(&pragma.name)?;
                if is_same(&pragma.name, &asked, &has) {
                    Ok(none(&statement))
                } else {
                    Err(Refusal::Founds { name: pragma.name, asked, has }.into())
                }
            }
        }
    }

    fn not_the_setting(&self, name: &'static str, asked: String, has: String) -> diesel::result::Error {
        Refusal::Setting { name, asked, has, repo: self.access.name.clone() }.into()
    }

    /// What this node's file answers to a `PRAGMA` of one value.
    fn answer(&mut self, name: &str) -> QueryResult<String> {
        let statement = Statement {
            sql: format!("PRAGMA {name}"),
            binds: Values::new(),
            cacheable: false,
            want: Want::Rows,
        };
        let rows = self.local.run(&self.access, &statement)?.rows.unwrap_or_default();
        Ok(match rows.values.iter().next() {
            Some(ValueRef::Integer(number)) => number.to_string(),
            Some(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            _ => String::new(),
        })
    }
}

/// What a `PRAGMA` gives that has nothing to say.
fn none(statement: &Statement) -> Outcome {
    Outcome { count: 0, rows: (statement.want == Want::Rows).then(Default::default) }
}

/// Whether what is asked for is what is there: `auto_vacuum` is given by name, told by number.
fn is_same(name: &str, asked: &str, has: &str) -> bool {
    let asked = match (name, asked.to_ascii_lowercase().as_str()) {
        ("auto_vacuum", "none") => "0".to_owned(),
        ("auto_vacuum", "full") => "1".to_owned(),
        ("auto_vacuum", "incremental") => "2".to_owned(),
        ("encoding", "utf8") => "utf-8".to_owned(),
        (_, other) => other.to_owned(),
    };
    asked.eq_ignore_ascii_case(has)
}
