//! SQLite values in the form in which they travel: one flat run of bytes.
//!
//! A row of a result or the binds of a statement never become a `Vec` of
//! values: a frame of a million empty blobs would grow to thirty times its size.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One value, borrowed from [`Values`]. The five storage classes of SQLite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ValueRef<'a> {
    Null,
    Integer(i64),
    Real(f64),
    /// The bytes of a text: usually UTF-8, but SQLite does not check.
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// Any number of values, encoded one behind the other: a tag, then 8 bytes
/// (little-endian) for numbers, or a length (LEB128) and the bytes.
///
/// Its bytes are checked where they come in (`Deserialize`), so that reading
/// them cannot fail. `Debug` shows the size, never a value.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Encoded")]
pub(crate) struct Values {
    count: u32,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

/// What came off the wire, not yet checked.
#[derive(Deserialize)]
struct Encoded {
    count: u32,
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
#[error("the encoded values are damaged")]
pub(crate) struct DamagedValues;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

impl ValueRef<'_> {
    /// How many bytes it takes among [`Values`], or a few more.
    pub(crate) fn byte_len(&self) -> usize {
        match self {
            Self::Null => 1,
            Self::Integer(_) | Self::Real(_) => 1 + 8,
            Self::Text(bytes) | Self::Blob(bytes) => 1 + 5 + bytes.len(),
        }
    }
}

impl Values {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&mut self, value: ValueRef<'_>) {
        self.count += 1;
        match value {
            ValueRef::Null => self.bytes.push(NULL),
            ValueRef::Integer(i) => self.push_number(INTEGER, i.to_le_bytes()),
            ValueRef::Real(f) => self.push_number(REAL, f.to_le_bytes()),
            ValueRef::Text(bytes) => self.push_bytes(TEXT, bytes),
            ValueRef::Blob(bytes) => self.push_bytes(BLOB, bytes),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.count as usize
    }

    /// How many bytes the encoded values take.
    pub(crate) fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes are held for them.
    pub(crate) fn held(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes }
    }

    fn push_number(&mut self, tag: u8, number: [u8; 8]) {
        self.bytes.push(tag);
        self.bytes.extend_from_slice(&number);
    }

    fn push_bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.bytes.push(tag);
        let mut len = bytes.len();
        while len >= 0x80 {
            self.bytes.push((len & 0x7f) as u8 | 0x80);
            len >>= 7;
        }
        self.bytes.push(len as u8);
        self.bytes.extend_from_slice(bytes);
    }
}

impl<'a> FromIterator<ValueRef<'a>> for Values {
    fn from_iter<I: IntoIterator<Item = ValueRef<'a>>>(values: I) -> Self {
        let mut all = Self::new();
        values.into_iter().for_each(|value| all.push(value));
        all
    }
}

impl TryFrom<Encoded> for Values {
    type Error = DamagedValues;

    fn try_from(Encoded { count, bytes }: Encoded) -> Result<Self, DamagedValues> {
        let mut rest = bytes.as_slice();
        let mut seen = 0u32;
        while !rest.is_empty() {
            rest = take(rest).ok_or(DamagedValues)?.1;
            seen += 1;
        }
        if seen == count { Ok(Self { count, bytes }) } else { Err(DamagedValues) }
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Values({} in {} bytes)", self.count, self.bytes.len())
    }
}

/// The values in order.
#[derive(Clone)]
pub(crate) struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Iter<'a> {
    type Item = ValueRef<'a>;

    fn next(&mut self) -> Option<ValueRef<'a>> {
        // The bytes were checked when they came in, or were pushed here.
        let (value, rest) = take(self.rest)?;
        self.rest = rest;
        Some(value)
    }
}

/// The first value and what is behind it; `None` where the bytes end too soon.
fn take(bytes: &[u8]) -> Option<(ValueRef<'_>, &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    match *tag {
        NULL => Some((ValueRef::Null, rest)),
        INTEGER => {
            let (number, rest) = rest.split_first_chunk::<8>()?;
            Some((ValueRef::Integer(i64::from_le_bytes(*number)), rest))
        }
        REAL => {
            let (number, rest) = rest.split_first_chunk::<8>()?;
            Some((ValueRef::Real(f64::from_le_bytes(*number)), rest))
        }
        TEXT | BLOB => {
            let (len, rest) = take_len(rest)?;
            let (bytes, rest) = rest.split_at_checked(len)?;
            Some((if *tag == TEXT { ValueRef::Text(bytes) } else { ValueRef::Blob(bytes) }, rest))
        }
        _ => None,
    }
}

fn take_len(mut bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut len = 0usize;
    // SQLite keeps at most 2^31 bytes in a value: five groups of seven bits.
    for shift in [0, 7, 14, 21, 28] {
        let (byte, rest) = bytes.split_first()?;
        bytes = rest;
        len |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((len, bytes));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges() -> Vec<ValueRef<'static>> {
        vec![
            ValueRef::Null,
            ValueRef::Integer(i64::MIN),
            ValueRef::Integer(i64::MAX),
            ValueRef::Real(-0.0),
            ValueRef::Real(f64::INFINITY),
            ValueRef::Text(b""),
            ValueRef::Text(b"a\0b"),
            ValueRef::Text(b"\xff\xfe"),
            ValueRef::Blob(&[]),
            ValueRef::Blob(&[7; 300]),
        ]
    }

    #[test]
    fn every_storage_class_goes_over_the_wire_and_back() {
        let values: Values = edges().into_iter().collect();
        let bytes = postcard::to_allocvec(&values).unwrap();
        let back: Values = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(back, values);
        assert_eq!(back.iter().collect::<Vec<_>>(), edges());
        assert_eq!(back.len(), edges().len());
    }

    #[test]
    fn damaged_bytes_are_refused_where_they_come_in() {
        let cases: [(u32, &[u8]); 7] = [
            (1, &[]),
            (0, &[NULL]),
            (1, &[INTEGER, 1, 2]),
            (1, &[TEXT, 5, b'a']),
            (1, &[BLOB, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            (1, &[9]),
            (u32::MAX, &[NULL]),
        ];
        for (count, bytes) in cases {
            let frame = postcard::to_allocvec(&(count, serde_bytes::Bytes::new(bytes))).unwrap();
            assert!(postcard::from_bytes::<Values>(&frame).is_err(), "{count} {bytes:?}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let values: Values = [ValueRef::Text(b"secret")].into_iter().collect();
        assert_eq!(format!("{values:?}"), "Values(1 in 8 bytes)");
    }
}
