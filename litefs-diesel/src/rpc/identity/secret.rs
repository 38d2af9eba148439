//! The shared secrets as somebody wrote them.

use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

/// How many bytes a secret has at least. Whoever connects receives the public key that is made of it,
/// and may try secrets against that for as long as they like: it has to be as hard to find as the
/// key itself.
const LEAST: usize = 32;

/// How many bytes it has at most: more is not a secret but some other file.
const MOST: usize = 1024;

/// How many secrets there may be: a rotation takes two, and two that overlap take three.
const COUNT: usize = 4;

/// Of 32 random bytes about 30 are different, and fewer than this never are.
const DIFFERENT: usize = 12;

/// One secret. It has no `Debug`, and is cleared when it is dropped.
pub(super) struct Secret(Zeroizing<Vec<u8>>);

/// What is wrong with a secret. Names its place, never what is there.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum SecretError {
    #[error("there is no secret in it; `openssl rand -base64 32` makes one")]
    Empty,
    #[error("it is not text: write the secret in hex or base64")]
    NotText,
    #[error("it has more than {COUNT} secrets; a rotation takes two, the one that is presented first")]
    Many,
    #[error("secret {0} of it is neither hex (0-9, a-f) nor base64; `openssl rand -base64 32` makes one")]
    Encoding(usize),
    #[error(
        "secret {place} of it has {bytes} bytes when it is decoded, and at least {LEAST} are needed, because anybody \
         may guess for as long as they like; `openssl rand -base64 32` makes one"
    )]
    Short { place: usize, bytes: usize },
    #[error("secret {0} of it has more than {MOST} bytes: is it another file?")]
    Long(usize),
    #[error(
        "secret {0} of it has hardly any different bytes, and could be guessed; `openssl rand -base64 32` makes one"
    )]
    Poor(usize),
    #[error("secret {0} of it is there twice")]
    Twice(usize),
}

impl Secret {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The secrets in a text, in their order. Between them are white space or commas; from `#` to the end of
/// the line is a comment. Each is hex when it has only digits and the letters a to f, in any case; else it
/// is base64, of either alphabet, with `=` at its end or without.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Secret>, SecretError> {
    let text = std::str::from_utf8(text).map_err(|_| SecretError::NotText)?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let words = lines.flat_map(|line| line.split(|c: char| c.is_ascii_whitespace() || c == ','));
    let mut secrets: Vec<Secret> = Vec::new();
    for (place, word) in (1..).zip(words.filter(|word| !word.is_empty())) {
        if place > COUNT {
            return Err(SecretError::Many);
        }
        let secret = decode(place, word.as_bytes())?;
        if secrets.iter().any(|other| *other.0 == *secret.0) {
            return Err(SecretError::Twice(place));
        }
        secrets.push(secret);
    }
    if secrets.is_empty() { Err(SecretError::Empty) } else { Ok(secrets) }
}

fn decode(place: usize, word: &[u8]) -> Result<Secret, SecretError> {
    if word.len() > 2 * MOST {
        return Err(SecretError::Long(place));
    }
    let mut word = Zeroizing::new(word.to_vec());
    let encoding = match word.iter().all(u8::is_ascii_hexdigit) {
        true => &HEXLOWER_PERMISSIVE,
        false => {
            while word.last() == Some(&b'=') {
                word.pop();
            }
            word.iter_mut().for_each(|byte| match *byte {
                b'-' => *byte = b'+',
                b'_' => *byte = b'/',
                _ => {}
            });
            &BASE64_NOPAD
        }
    };
    let length = encoding.decode_len(word.len()).map_err(|_| SecretError::Encoding(place))?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    encoding.decode_mut(&word, &mut bytes).map_err(|_| SecretError::Encoding(place))?;
    let mut different = [false; 256];
    bytes.iter().for_each(|byte| different[usize::from(*byte)] = true);
    match bytes.len() {
        short if short < LEAST => Err(SecretError::Short { place, bytes: short }),
        long if long > MOST => Err(SecretError::Long(place)),
        _ if different.iter().filter(|seen| **seen).count() < DIFFERENT => Err(SecretError::Poor(place)),
        _ => Ok(Secret(bytes)),
    }
}
