//! Which names that are not the application's own a statement has in it.
//!
//! SQLite has no other way to write a name than by its letters, in any case, with or without quotes. So
//! a text in which these letters do not stand cannot name what is guarded, and that is told in one pass.

use crate::statement::split::{Token, tokens};

/// What a text names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// The library's tables, or a name that is kept for them.
    pub(super) ours: bool,
    /// `temp.…`
    pub(super) temp: bool,
    /// The table of the schema.
    pub(super) schema: bool,
    /// The table of all pages, which some builds of SQLite have.
    pub(super) pages: bool,
    /// The function `load_extension(…)`.
    pub(super) load_extension: bool,
}

impl Names {
    /// Those of a text.
    pub(super) fn of(sql: &str) -> Self {
        if may_name(sql.as_bytes()) { Self::of_tokens(sql) } else { Self::default() }
    }

    #[cold]
    fn of_tokens(sql: &str) -> Self {
        let mut names = Self::default();
        let mut all = tokens(sql).map(|(token, ..)| token).peekable();
        while let Some(token) = all.next() {
            let Some(mut name) = token.name() else { continue };
            name.make_ascii_lowercase();
            names.ours |= is_ours(&name);
            match name.as_str() {
                "temp" => names.temp |= all.peek() == Some(&Token::Mark('.')),
                "load_extension" => names.load_extension |= all.peek() == Some(&Token::Mark('(')),
                "sqlite_dbpage" => names.pages = true,
                "sqlite_schema" | "sqlite_master" | "sqlite_temp_schema" | "sqlite_temp_master" => {
                    names.schema = true;
                }
                _ => {}
            }
        }
        names
    }

    /// Whether there is any.
    pub(super) fn any(self) -> bool {
        self != Self::default()
    }
}

/// Whether a name, in lower case, is kept for the library: its tables in the database, those of the
/// writer's connection, and what SQLite makes for them.
pub(super) fn is_ours(name: &str) -> bool {
    let name = name.strip_prefix("sqlite_autoindex_").unwrap_or(name);
    name.starts_with("__litefs_diesel") || name.starts_with("litefs_diesel_")
}

/// Whether the letters of such a name stand anywhere in a text.
fn may_name(text: &[u8]) -> bool {
    let at = |start: usize, word: &[u8]| {
        text.get(start..start + word.len()).is_some_and(|there| there.eq_ignore_ascii_case(word))
    };
    text.iter().enumerate().any(|(start, byte)| match byte | 0x20 {
        b'l' => at(start, b"litefs_diesel") || at(start, b"load_extension"),
        b's' => at(start, b"sqlite_"),
        b't' => at(start, b"temp"),
        _ => false,
    })
}
