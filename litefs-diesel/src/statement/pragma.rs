//! What a `PRAGMA` is: known by its words and never explained, for `EXPLAIN PRAGMA` runs some.

use super::split::{Token, first_statement};

/// A `PRAGMA` taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pragma {
    /// In lower case, without its schema.
    pub(crate) name: String,
    /// What stands behind `=` or in the parentheses, without quotes.
    pub(crate) value: Option<String>,
}

/// What a `PRAGMA` does, for a connection whose reads and writes run at different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Asks, or has no effect beyond the moment.
    Asks,
    /// Sets how this connection reads, or what has no meaning where nothing is written.
    Tunes,
    /// Sets whether foreign keys hold.
    ForeignKeys,
    /// Sets the journal mode.
    JournalMode,
    /// Sets what a database has from its beginning on.
    Founds,
    /// Writes into the database.
    Writes,
    /// Writes, and cannot in a transaction.
    WritesAlone,
    /// Sets how the connection writes, or what its statements mean.
    Governs,
}

impl Pragma {
    /// The first statement of a text, when it is a `PRAGMA`.
    pub(crate) fn parse(sql: &str) -> Option<Self> {
        let mut tokens = first_statement(sql).peekable();
        tokens.next_if(|token| token.is("PRAGMA"))?;
        let mut name = tokens.next()?.name()?;
        if tokens.next_if_eq(&Token::Mark('.')).is_some() {
            name = tokens.next()?.name()?;
        }
        name.make_ascii_lowercase();
        let value = match tokens.next() {
            None => None,
            Some(Token::Mark('=' | '(')) => {
                let value: String = tokens.filter(|token| *token != Token::Mark(')')).map(text).collect();
                Some(value)
            }
            Some(_) => return None,
        };
        Some(Self { name, value })
    }

    /// What it does.
    pub(crate) fn does(&self) -> Does {
        match (self.name.as_str(), &self.value) {
            ("optimize", _) => Does::Writes,
            // The one could in a transaction, but LiteFS does not survive every one.
            ("incremental_vacuum" | "wal_checkpoint", _) => Does::WritesAlone,
            (_, None) => Does::Asks,
            ("user_version" | "application_id" | "schema_version" | "default_cache_size", _) => Does::Writes,
            ("foreign_keys", _) => Does::ForeignKeys,
            ("journal_mode", _) => Does::JournalMode,
            ("auto_vacuum" | "encoding" | "page_size", _) => Does::Founds,
            (
                "analysis_limit"
                | "automatic_index"
                | "busy_timeout"
                | "cache_size"
                | "cache_spill"
                | "cell_size_check"
                | "checkpoint_fullfsync"
                | "count_changes"
                | "empty_result_callbacks"
                | "full_column_names"
                | "fullfsync"
                | "hard_heap_limit"
                | "mmap_size"
                | "read_uncommitted"
                | "reverse_unordered_selects"
                | "short_column_names"
                | "soft_heap_limit"
                | "synchronous"
                | "temp_store"
                | "temp_store_directory"
                | "threads"
                | "wal_autocheckpoint",
                _,
            ) => Does::Tunes,
            (
                "case_sensitive_like"
                | "defer_foreign_keys"
                | "ignore_check_constraints"
                | "journal_size_limit"
                | "legacy_alter_table"
                | "locking_mode"
                | "max_page_count"
                | "query_only"
                | "recursive_triggers"
                | "secure_delete"
                | "trusted_schema"
                | "writable_schema",
                _,
            ) => Does::Governs,
            // `table_info(t)` and its like ask; of a name that it does not know SQLite takes no notice.
            _ => Does::Asks,
        }
    }

    /// The value as SQLite takes it for yes or no.
    pub(crate) fn is_on(&self) -> bool {
        let value = self.value.as_deref().unwrap_or_default();
        match value.parse::<i64>() {
            Ok(number) => number != 0,
            Err(_) => ["on", "yes", "true"].iter().any(|yes| value.eq_ignore_ascii_case(yes)),
        }
    }
}

fn text(token: Token<'_>) -> String {
    match token {
        Token::Literal(text) => text.to_owned(),
        Token::Mark(mark) => mark.to_string(),
        token => token.name().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn does(sql: &str) -> Does {
        Pragma::parse(sql).expect(sql).does()
    }

    #[test]
    fn every_form_that_sqlite_accepts_is_taken_apart() {
        let pragma =
            |name: &str, value: Option<&str>| Pragma { name: name.into(), value: value.map(Into::into) };
        for (sql, expected) in [
            ("PRAGMA foreign_keys", pragma("foreign_keys", None)),
            ("-- c\npragma Foreign_Keys = ON;", pragma("foreign_keys", Some("ON"))),
            ("PRAGMA main.journal_mode='WAL'", pragma("journal_mode", Some("WAL"))),
            ("PRAGMA \"main\".cache_size(-2000); SELECT 1", pragma("cache_size", Some("-2000"))),
            ("PRAGMA cache_size = -2000", pragma("cache_size", Some("-2000"))),
            ("PRAGMA table_info([my table])", pragma("table_info", Some("my table"))),
        ] {
            assert_eq!(Pragma::parse(sql), Some(expected), "{sql}");
        }
        for sql in ["SELECT 1", "", "PRAGMA", "PRAGMA 1", "pragma_table_info('t')", "PRAGMA a b"] {
            assert_eq!(Pragma::parse(sql), None, "{sql}");
        }
    }

    #[test]
    fn a_pragma_is_what_it_does() {
        for (sql, expected) in [
            ("PRAGMA user_version", Does::Asks),
            ("PRAGMA user_version = 3", Does::Writes),
            ("PRAGMA table_info(t)", Does::Asks),
            ("PRAGMA foreign_key_check", Does::Asks),
            ("PRAGMA no_such_thing = 1", Does::Asks),
            ("PRAGMA busy_timeout = 2000", Does::Tunes),
            ("PRAGMA cache_size(-2000)", Does::Tunes),
            ("PRAGMA mmap_size = 1", Does::Tunes),
            ("PRAGMA temp_store = memory", Does::Tunes),
            ("PRAGMA synchronous = NORMAL", Does::Tunes),
            ("PRAGMA foreign_keys = 1", Does::ForeignKeys),
            ("PRAGMA foreign_keys", Does::Asks),
            ("PRAGMA journal_mode = WAL", Does::JournalMode),
            ("PRAGMA journal_mode", Does::Asks),
            ("PRAGMA optimize", Does::Writes),
            ("PRAGMA wal_checkpoint(TRUNCATE)", Does::WritesAlone),
            ("PRAGMA auto_vacuum = INCREMENTAL", Does::Founds),
            ("PRAGMA query_only = 1", Does::Governs),
        ] {
            assert_eq!(does(sql), expected, "{sql}");
        }
    }

    #[test]
    fn yes_and_no_are_sqlites() {
        for (value, on) in [
            ("1", true),
            ("ON", true),
            ("yes", true),
            ("'true'", true),
            ("0", false),
            ("off", false),
            ("no", false),
            ("7", true),
            ("maybe", false),
        ] {
            let pragma = Pragma::parse(&format!("PRAGMA foreign_keys = {value}")).unwrap();
            assert_eq!(pragma.is_on(), on, "{value}");
        }
    }
}
