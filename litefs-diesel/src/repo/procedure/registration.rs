//! What a repo lists in `procedures(…)`, as the primary looks it up.

use std::fmt;
use std::sync::Arc;

use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;

use super::contract::Procedure;
use super::portable::Unpacked;
use crate::error::DatabaseError;
use crate::request::{Procedures, Reply};

/// One procedure of a repo.
#[derive(Clone, Copy)]
pub struct Registration {
    name: &'static str,
    version: u32,
    run: fn(&mut SqliteConnection, &[u8]) -> Result<Reply, DatabaseError>,
}

impl Registration {
    /// The procedure `P`.
    #[doc(hidden)]
    pub const fn of<P: Procedure>() -> Self {
        Self { name: P::NAME, version: P::VERSION, run: run::<P> }
    }

    /// Makes it known to the writer.
    pub(crate) fn register(self, procedures: &Procedures) {
        procedures.register(self.name, self.version, Arc::new(self.run));
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} version {}", self.name, self.version)
    }
}

/// Runs a call. `Err` is about the call, and not the procedure's own.
fn run<P: Procedure>(conn: &mut SqliteConnection, bytes: &[u8]) -> Result<Reply, DatabaseError> {
    let mut packed = Unpacked::new(bytes);
    let args = P::unpack(&mut packed);
    let args = packed.finish(args).map_err(misfit::<P>)?;
    let returned = P::lend(conn, |local| P::run(local, args))
        .map_err(|error| DatabaseError::other(format!("no connection for `{}`: {error}", P::NAME)))?;
    match returned {
        Ok(value) => {
            let codec = P::value();
            let bytes = codec.to_bytes(&value).map_err(|error| unsent::<P>("value", error))?;
            // Nothing is committed yet: now is the time to find that it would be lost on the way.
            codec.read_all(&bytes).map_err(|error| unsent::<P>("value", error))?;
            Ok(Reply::Ok(bytes))
        }
        Err(error) => {
            let bytes = P::error().to_bytes(&error).map_err(|error| unsent::<P>("error", error))?;
            Ok(Reply::Err(bytes))
        }
    }
}

fn misfit<P: Procedure>(error: postcard::Error) -> DatabaseError {
    let said = format!(
        "the arguments of `{}` version {} are not what it takes here: {error}; a procedure whose arguments change \
         gets a new version",
        P::NAME,
        P::VERSION,
    );
    DieselError::DeserializationError(said.into()).into()
}

fn unsent<P: Procedure>(what: &str, error: postcard::Error) -> DatabaseError {
    let said = format!(
        "the {what} of `{}` version {} does not survive serde's way through bytes that say nothing of their types \
         (as `#[serde(flatten)]`, `untagged` and `skip_serializing_if` do not): {error}",
        P::NAME,
        P::VERSION,
    );
    DieselError::SerializationError(said.into()).into()
}

/// Fails the build when the procedure at `index` has the name and version of one before it.
#[doc(hidden)]
pub const fn named_once(procedures: &[Registration], index: usize) {
    let mut before = 0;
    while before < index {
        let (one, other) = (&procedures[before], &procedures[index]);
        assert!(
            one.version != other.version || !same(one.name.as_bytes(), other.name.as_bytes()),
            "two procedures of one repo have the same name and version: give one of them another `name = \"…\"` or `version`"
        );
        before += 1;
    }
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
