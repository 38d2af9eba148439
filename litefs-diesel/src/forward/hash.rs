//! What tells one request from another under the same id.

use std::hash::{DefaultHasher, Hasher};

use crate::request::Write;

/// Of what a write does. Compared only with what the same process computed before.
pub(super) fn hash(write: &Write) -> u64 {
    // Fails for types without a known length only, and ours have none.
    postcard::serialize_with_flavor(write, Hash(DefaultHasher::new())).unwrap_or_default()
}

/// The bytes are hashed as they are made: no copy of the request is.
struct Hash(DefaultHasher);

impl postcard::ser_flavors::Flavor for Hash {
    type Output = u64;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.write_u8(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.write(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<u64> {
        Ok(self.0.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::testing::statement;

    #[test]
    fn another_text_is_another_hash_and_the_same_the_same() {
        let write = |sql| Write::of(vec![statement(sql)]);
        assert_eq!(hash(&write("INSERT")), hash(&write("INSERT")));
        assert_ne!(hash(&write("INSERT")), hash(&write("UPDATE")));
    }
}
