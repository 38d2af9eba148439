//! Texts that others chose, cut to what is worth keeping of them.

/// How many characters a span, or a line for people, shows of a statement: an import's has a megabyte.
const SHOWN: usize = 200;

/// Bytes of the longest text of an error: SQLite's have names in them, which may be as long as a statement.
pub(crate) const TEXT: usize = 4 << 10;

/// As much of a text as is shown.
pub(crate) fn beginning(text: &str) -> &str {
    text.char_indices().nth(SHOWN).map_or(text, |(end, _)| &text[..end])
}

/// Cuts a text that is longer than so many bytes, and marks that.
pub(crate) fn shorten(text: &mut String, most: usize) {
    const MARK: char = '…';
    if text.len() > most {
        let room = most.saturating_sub(MARK.len_utf8());
        let end = (0..=room).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        text.push(MARK);
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_two_characters_and_marked() {
        for (text, short) in [("abcdef", "abcdef"), ("abcdefg", "abc…"), ("abäöüß", "ab…"), ("", "")]
        {
            let mut cut = text.to_owned();
            shorten(&mut cut, 6);
            assert_eq!(cut, short);
        }
        assert_eq!(beginning(&"ä".repeat(201)), "ä".repeat(200));
        assert_eq!(beginning("SELECT"), "SELECT");
    }
}
