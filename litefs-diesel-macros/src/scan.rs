//! A scanner that knows just enough of Rust's text to tell code from comments and literals.
//!
//! The compiler's own (`TokenStream::from_str`) reports what it cannot read to the user, and gives
//! no places.

/// The outer attributes that `text` ends with, from top to bottom, each as it is written.
pub(crate) fn attributes_at_end_of(text: &str) -> Vec<&str> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let attribute = attribute_len(rest);
        let (piece, after) = rest.split_at(attribute.unwrap_or_else(|| piece_len(rest)));
        if attribute.is_some() {
            attributes.push(piece);
        } else if !is_blank(piece) {
            attributes.clear();
        }
        rest = after;
    }
    attributes
}

fn is_blank(piece: &str) -> bool {
    piece.starts_with(char::is_whitespace) || piece.starts_with("//") || piece.starts_with("/*")
}

fn attribute_len(text: &str) -> Option<usize> {
    let mut at = "#".len();
    let mut depth = 0;
    if !text.starts_with("#[") {
        return None;
    }
    while at < text.len() {
        match text.as_bytes()[at] {
            b'[' => depth += 1,
            b']' => depth -= 1,
            _ => {}
        }
        at += piece_len(&text[at..]);
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The length of the comment, literal, word or single character that `text` begins with.
fn piece_len(text: &str) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    match first {
        '/' if text.starts_with("//") => text.find('\n').unwrap_or(text.len()),
        '/' if text.starts_with("/*") => block_comment_len(text),
        '"' => quoted_len(text, b'"'),
        '\'' if is_character(text) => quoted_len(text, b'\''),
        _ if is_word(first) => {
            let word = text.find(|c| !is_word(c)).unwrap_or(text.len());
            match &text[..word] {
                "r" | "br" | "cr" => word + raw_string_len(&text[word..]),
                _ => word,
            }
        }
        _ => first.len_utf8(),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Block comments nest.
fn block_comment_len(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let pair = text.as_bytes().get(at..at + 2);
        match pair {
            Some(b"/*") => depth += 1,
            Some(b"*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a literal between two `quote`s, with its escapes.
fn quoted_len(text: &str, quote: u8) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Whether a `'` begins a character and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars().skip(1);
    match chars.next() {
        Some('\\') => true,
        _ => chars.next() == Some('\''),
    }
}

/// The length of `#"…"#` after its `r`; 0 when it is something else (`r#type`).
fn raw_string_len(text: &str) -> usize {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let Some(content) = text[hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    content.find(&end).map_or(text.len(), |at| hashes + 1 + at + end.len())
}
