//! Takes a text of several SQL statements apart.
//!
//! The tokens are SQLite's, as far as their ends matter; the states are those of
//! `sqlite3_complete`: only `;` outside of strings, names, comments and trigger bodies ends a
//! statement. What this cannot read, SQLite cannot either, and says so when it runs.

/// A piece of SQL, white space and comments left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'s> {
    /// A keyword, or a name without quotes.
    Word(&'s str),
    /// `'…'`, `"…"`, `` `…` `` or `[…]`, its quotes included.
    Quoted(&'s str),
    /// A number or a variable.
    Literal(&'s str),
    Semicolon,
    /// Any other character.
    Mark(char),
}

impl Token<'_> {
    /// Whether it is this keyword, in any case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The name it stands for, where SQLite takes a name: without its quotes.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some((*word).to_owned()),
            Self::Quoted(quoted) => {
                let open = quoted.chars().next()?;
                let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
                if open == '[' {
                    return Some(inner.to_owned());
                }
                let mut doubled = [0; 8];
                let pair = format!("{open}{open}");
                Some(inner.replace(&pair, open.encode_utf8(&mut doubled)))
            }
            _ => None,
        }
    }
}

/// The tokens of a text, each with where it begins and ends.
pub(crate) struct Tokens<'s> {
    text: &'s str,
    at: usize,
}

/// The tokens of a text in order.
pub(crate) fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

/// One statement of a text: from its first token to its last, without the `;`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'s> {
    pub(crate) sql: &'s str,
    /// Where it begins in the whole text.
    pub(crate) start: usize,
    /// Where it ends in the whole text.
    pub(crate) end: usize,
}

/// The statements of a text. Empty ones, of comments only too, are none.
pub(crate) fn split(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from: Option<usize> = None;
    let mut to = 0;
    let mut state = State::Start;
    for (token, start, end) in tokens(text) {
        state = state.after(&token);
        if token == Token::Semicolon && state == State::Start {
            if let Some(start) = from.take() {
                parts.push(Part { sql: &text[start..to], start, end: to });
            }
            continue;
        }
        from.get_or_insert(start);
        to = end;
    }
    if let Some(start) = from {
        parts.push(Part { sql: &text[start..to], start, end: to });
    }
    parts
}

/// The text from its first token on. SQLite, too, passes over leading comments and semicolons.
pub(crate) fn from_first_token(text: &str) -> &str {
    tokens(text).find(|(token, ..)| *token != Token::Semicolon).map_or("", |(_, start, _)| &text[start..])
}

/// The tokens of a text's first statement.
pub(crate) fn first_statement(text: &str) -> impl Iterator<Item = Token<'_>> {
    tokens(text)
        .map(|(token, ..)| token)
        .skip_while(|token| *token == Token::Semicolon)
        .take_while(|token| *token != Token::Semicolon)
}

/// Where in a statement we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a statement.
    Start,
    /// In one that the next `;` ends.
    Normal,
    /// After `EXPLAIN [QUERY PLAN]`.
    Explain,
    /// After `CREATE [TEMP]`.
    Create,
    /// In a trigger, whose body has semicolons of its own.
    Trigger,
    /// After a `;` of a trigger's body.
    TriggerSemicolon,
    /// After `;END` of a trigger: a `;` now ends it. A `CASE … END` has no `;` before its `END`.
    TriggerEnd,
}

impl State {
    fn after(self, token: &Token<'_>) -> Self {
        let semicolon = *token == Token::Semicolon;
        match self {
            Self::Start | Self::Normal | Self::Explain | Self::Create | Self::TriggerEnd if semicolon => {
                Self::Start
            }
            Self::Start if token.is("EXPLAIN") => Self::Explain,
            Self::Explain if token.is("QUERY") || token.is("PLAN") => Self::Explain,
            Self::Start | Self::Explain if token.is("CREATE") => Self::Create,
            Self::Create if token.is("TEMP") || token.is("TEMPORARY") => Self::Create,
            Self::Create if token.is("TRIGGER") => Self::Trigger,
            Self::Start | Self::Normal | Self::Explain | Self::Create => Self::Normal,
            Self::Trigger | Self::TriggerSemicolon | Self::TriggerEnd if semicolon => Self::TriggerSemicolon,
            Self::TriggerSemicolon if token.is("END") => Self::TriggerEnd,
            Self::Trigger | Self::TriggerSemicolon | Self::TriggerEnd => Self::Trigger,
        }
    }
}

/// What SQLite takes for a letter of a name.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

impl<'s> Iterator for Tokens<'s> {
    type Item = (Token<'s>, usize, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        self.skip_blank();
        let start = self.at;
        let first = *bytes.get(start)?;
        let end = match first {
            b'\'' | b'"' | b'`' => quoted(bytes, start),
            b'[' => find(bytes, start + 1, |byte| byte == b']').saturating_add(1).min(bytes.len()),
            b'?' | b':' | b'@' | b'$' | b'#' => name_end(bytes, start + 1),
            b'.' if !bytes.get(start + 1).is_some_and(u8::is_ascii_digit) => start + 1,
            byte if is_name(byte) || byte == b'.' => name_end(bytes, start + 1),
            _ => start + 1,
        };
        self.at = end;
        let text = self.text.get(start..end)?;
        let token = match first {
            b';' => Token::Semicolon,
            b'\'' | b'"' | b'`' | b'[' => Token::Quoted(text),
            b'0'..=b'9' => Token::Literal(text),
            b'?' | b':' | b'@' | b'$' | b'#' | b'.' if text.len() > 1 => Token::Literal(text),
            byte if is_name(byte) && byte != b'$' => Token::Word(text),
            byte => Token::Mark(char::from(byte)),
        };
        Some((token, start, end))
    }
}

impl Tokens<'_> {
    /// Over white space and comments.
    fn skip_blank(&mut self) {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at..).unwrap_or_default() {
                [b' ' | b'\t' | b'\n' | b'\x0c' | b'\r', ..] => self.at += 1,
                // A byte order mark, as some editors leave in a migration.
                [0xef, 0xbb, 0xbf, ..] => self.at += 3,
                [b'-', b'-', ..] => self.at = find(bytes, self.at, |byte| byte == b'\n'),
                // Without an end it goes to the end of the text; `/*` alone is no comment.
                [b'/', b'*', _, ..] => {
                    let body = self.at + 2;
                    self.at = bytes[body..]
                        .windows(2)
                        .position(|pair| pair == b"*/")
                        .map_or(bytes.len(), |length| body + length + 2);
                }
                _ => return,
            }
        }
    }
}

/// Where the first such byte is, from `at` on; the end of the text where there is none.
fn find(bytes: &[u8], at: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| is(*byte)).map_or(bytes.len(), |length| at + length)
}

fn name_end(bytes: &[u8], at: usize) -> usize {
    find(bytes, at, |byte| !is_name(byte))
}

/// Behind the closing quote; a doubled one does not close.
fn quoted(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        at = find(bytes, at, |byte| byte == quote);
        if bytes.get(at + 1) != Some(&quote) {
            return (at + 1).min(bytes.len());
        }
        at += 2;
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
