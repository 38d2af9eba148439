//! Where a database's history stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A place in a database's history, as LiteFS keeps it in `<database>-pos`: the
/// transaction id and a checksum of the whole database after that transaction.
///
/// It is a token: take it from one request ([`RepoHandle`] or
/// [`with_position`]), give it to the next on any node
/// ([`ReadLevel::AtLeast`]), and that one sees at least what the first saw. Its
/// text form (33 characters) is fit for a cookie or a header.
///
/// On a node that is alone there is no LiteFS and nothing to wait for: its
/// position is [`Position::ZERO`], which every node has reached.
///
/// [`RepoHandle`]: crate::RepoHandle::position
/// [`with_position`]: crate::repo::Write::with_position
/// [`ReadLevel::AtLeast`]: crate::ReadLevel::AtLeast
///
/// ```
/// use litefs_diesel::Position;
///
/// let position: Position = "0000000000000041/f7c8a91500000000".parse()?;
/// assert_eq!(position.txid, 0x41);
/// assert_eq!(position.to_string(), "0000000000000041/f7c8a91500000000");
/// # Ok::<(), litefs_diesel::ParsePositionError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Position {
    /// LiteFS's transaction id: counts up by one for each commit, from 0 for a
    /// database without any.
    pub txid: u64,
    /// LiteFS's checksum after that transaction. Two nodes with the same `txid`
    /// and another checksum have different histories.
    pub checksum: u64,
}

impl Position {
    /// The position of an empty database, reached by every node.
    pub const ZERO: Self = Self { txid: 0, checksum: 0 };

    /// How many bytes the text form has, with LiteFS's own line end left out.
    pub(crate) const TEXT_LEN: usize = 33;
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}/{:016x}", self.txid, self.checksum)
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({self})")
    }
}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        if bytes.len() != Self::TEXT_LEN || bytes[16] != b'/' {
            return Err(ParsePositionError);
        }
        Ok(Self { txid: hex(&bytes[..16])?, checksum: hex(&bytes[17..])? })
    }
}

/// Sixteen hexadecimal digits and nothing else: `from_str_radix` would take a sign.
fn hex(digits: &[u8]) -> Result<u64, ParsePositionError> {
    digits.iter().try_fold(0u64, |sum, digit| {
        let value = (*digit as char).to_digit(16).ok_or(ParsePositionError)?;
        Ok(sum << 4 | u64::from(value))
    })
}

/// A text that is no [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a position: expected 16 hexadecimal digits, a slash and 16 hexadecimal digits, as in `0000000000000041/f7c8a91500000000`"
)]
pub struct ParsePositionError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_goes_both_ways() {
        let position = Position { txid: 0x41, checksum: u64::MAX };
        assert_eq!(position.to_string().parse(), Ok(position));
        assert_eq!(position.to_string().len(), Position::TEXT_LEN);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "0000000000000041/f7c8a9150000000",
            "0000000000000041-f7c8a91500000000",
            "+000000000000041/f7c8a91500000000",
            "0000000000000041/f7c8a9150000000g",
            "0000000000000041/f7c8a91500000000\n",
            "é00000000000041/f7c8a91500000000",
        ] {
            assert_eq!(text.parse::<Position>(), Err(ParsePositionError), "{text:?}");
        }
    }
}
