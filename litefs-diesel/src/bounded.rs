//! Reading what came from elsewhere: postcard, with a bound on how many values one message may have.
//!
//! A length is one byte in a message and a whole value in memory: without the bound, a frame of a few
//! megabytes of empty statements or column names would become a hundred times as much. Texts and runs of
//! bytes are taken as they are, whatever their length; everything else is read byte by byte, and those
//! bytes are what is counted. So rows and binds, which are one run of bytes each, count for next to nothing.

use postcard::{Deserializer, Error, de_flavors};
use serde::de::DeserializeOwned;

/// How many of the bytes of a message may be anything but texts and runs of bytes. No value has fewer than
/// one, and none of ours takes more than 40 times that in memory, so this is some 80 MiB at worst, while a list
/// grows. A batch of 50,000 statements passes.
pub(crate) const MAX_VALUES: usize = 1 << 20;

/// The longest that postcard makes of a number, which is one of 128 bits.
const LONGEST_NUMBER: usize = 19;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the message is damaged or of a kind that this version does not know ({0})")]
    Unknown(Error),
    #[error("{0} bytes follow the message")]
    Trailing(usize),
    #[error("the message has more values than the {MAX_VALUES} that one may have; send it in parts")]
    TooMany,
}

/// How many bytes in memory a value has at most for each that was read of it by itself.
const IN_MEMORY: usize = 40;

/// A message and the bytes behind it.
pub(crate) fn split<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), Unreadable> {
    counted(bytes).map(|(message, rest, _)| (message, rest))
}

/// A message, the bytes behind it, and how many values were read.
fn counted<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8], usize), Unreadable> {
    let mut from = Deserializer::from_flavor(Counted { bytes, left: MAX_VALUES });
    let read = T::deserialize(&mut from);
    let Counted { bytes, left } = from.finalize().map_err(Unreadable::Unknown)?;
    match read {
        Ok(message) => Ok((message, bytes, MAX_VALUES - left)),
        Err(_) if left == 0 => Err(Unreadable::TooMany),
        Err(error) => Err(Unreadable::Unknown(error)),
    }
}

/// A message that takes all of `bytes`.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    weighed(bytes).map(|(message, _)| message)
}

/// The same, and how many bytes it takes in memory at most.
pub(crate) fn weighed<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), Unreadable> {
    let (message, rest, values) = counted(bytes)?;
    let memory = bytes.len() + IN_MEMORY * values;
    if rest.is_empty() { Ok((message, memory)) } else { Err(Unreadable::Trailing(rest.len())) }
}

/// What a piece of a message that is being written may count for where it is read: never less than it does.
pub(crate) fn values_of(piece: &[u8]) -> usize {
    if piece.len() <= LONGEST_NUMBER { piece.len() } else { 1 }
}

/// The bytes that are left, and how many of them may still be read one by one.
struct Counted<'de> {
    bytes: &'de [u8],
    left: usize,
}

impl<'de> de_flavors::Flavor<'de> for Counted<'de> {
    type Remainder = Self;
    type Source = &'de [u8];

    fn pop(&mut self) -> postcard::Result<u8> {
        let (byte, rest) = self.bytes.split_first().ok_or(Error::DeserializeUnexpectedEnd)?;
        self.left = self.left.checked_sub(1).ok_or(Error::DeserializeUnexpectedEnd)?;
        self.bytes = rest;
        Ok(*byte)
    }

    /// A list reserves room for no more than so many.
    fn size_hint(&self) -> Option<usize> {
        Some(self.bytes.len().min(self.left))
    }

    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'de [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Error::DeserializeUnexpectedEnd)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn finalize(self) -> postcard::Result<Self> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_a_million_empty_texts_is_refused_and_one_long_run_of_bytes_is_not() {
        let many = postcard::to_allocvec(&vec![""; MAX_VALUES]).unwrap();
        assert_eq!(read::<Vec<String>>(&many), Err(Unreadable::TooMany));
        let fewer = postcard::to_allocvec(&vec![""; MAX_VALUES - 4]).unwrap();
        assert_eq!(read::<Vec<String>>(&fewer).map(|list| list.len()), Ok(MAX_VALUES - 4));
        let run = postcard::to_allocvec(serde_bytes::Bytes::new(&vec![0; 2 * MAX_VALUES])).unwrap();
        assert!(read::<serde_bytes::ByteBuf>(&run).is_ok());
    }

    #[test]
    fn a_length_that_is_not_there_reserves_no_memory() {
        let claimed = postcard::to_allocvec(&u64::MAX).unwrap();
        assert!(matches!(read::<Vec<u64>>(&claimed), Err(Unreadable::Unknown(_))));
        assert!(matches!(read::<String>(&claimed), Err(Unreadable::Unknown(_))));
    }
}
