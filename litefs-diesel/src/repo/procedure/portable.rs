//! Values between nodes: what may travel, and how it is put into bytes.
//!
//! Postcard's format, through serde: the bytes say nothing of the types, so both ends must mean the
//! same ones. That is what a procedure's version stands for.

use diesel::result::Error as DieselError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that may travel between nodes: serde can write and read it, it borrows nothing, and
/// threads may hand it on. Implemented for every type that is all of this.
///
/// ```
/// use litefs_diesel::repo::Portable;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Order {
///     id: i64,
///     lines: Vec<(String, u32)>,
/// }
///
/// fn travels<T: Portable>() {}
/// travels::<Order>();
/// travels::<Option<Vec<u8>>>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel between nodes",
    label = "no argument or value of a procedure",
    note = "it derives `serde::Serialize` and `serde::Deserialize`, borrows nothing, and is `Send`"
)]
pub trait Portable: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Portable for T {}

/// The error of a procedure: a [`Portable`] that Diesel's own errors become by `?`.
///
/// [`DbError`](super::DbError) is one, and is there to be a variant of your own:
///
/// ```
/// use litefs_diesel::DbError;
/// use litefs_diesel::repo::ProcedureError;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, Serialize, Deserialize)]
/// enum TransferError {
///     TooLittle { cents: i64 },
///     Database(DbError),
/// }
///
/// impl From<diesel::result::Error> for TransferError {
///     fn from(error: diesel::result::Error) -> Self {
///         Self::Database(error.into())
///     }
/// }
///
/// fn is_error<E: ProcedureError>() {}
/// is_error::<TransferError>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a procedure",
    label = "not an error that Diesel's become, and that can travel between nodes",
    note = "it implements `From<diesel::result::Error>`, derives `serde::Serialize` and `serde::Deserialize`, borrows nothing, and is `Send`; `litefs_diesel::DbError` is one"
)]
pub trait ProcedureError: Portable + From<DieselError> {}

#[diagnostic::do_not_recommend]
impl<E: Portable + From<DieselError>> ProcedureError for E {}

/// How a `T` travels. `#[procedure]` asks for one for each of the user's types at the type's own
/// place, so that one that cannot travel is told there.
#[doc(hidden)]
pub struct Codec<T> {
    write: fn(&T, Vec<u8>) -> postcard::Result<Vec<u8>>,
    /// Gives what is left, too.
    read: fn(&[u8]) -> Read<'_, T>,
}

type Read<'a, T> = postcard::Result<(T, &'a [u8])>;

/// Of an argument or a value.
#[doc(hidden)]
pub fn portable<T: Portable>() -> Codec<T> {
    Codec {
        write: |value, bytes| postcard::to_extend(value, bytes),
        read: |bytes| postcard::take_from_bytes(bytes),
    }
}

/// Of an error.
#[doc(hidden)]
pub fn portable_error<E: ProcedureError>() -> Codec<E> {
    portable()
}

impl<T> Codec<T> {
    /// Puts one more argument behind those that are there.
    pub fn pack(self, value: &T, packed: &mut Packed) {
        let bytes = std::mem::replace(&mut packed.0, Ok(Vec::new()));
        packed.0 = bytes.and_then(|bytes| (self.write)(value, bytes));
    }

    /// Takes the next argument.
    pub fn unpack(self, packed: &mut Unpacked<'_>) -> Option<T> {
        let bytes = packed.0.as_ref().ok()?;
        match (self.read)(bytes) {
            Ok((value, rest)) => {
                packed.0 = Ok(rest);
                Some(value)
            }
            Err(error) => {
                packed.0 = Err(error);
                None
            }
        }
    }

    pub(super) fn to_bytes(&self, value: &T) -> postcard::Result<Vec<u8>> {
        (self.write)(value, Vec::new())
    }

    /// The value that all of `bytes` are.
    pub(super) fn read_all(&self, bytes: &[u8]) -> postcard::Result<T> {
        let (value, rest) = (self.read)(bytes)?;
        if rest.is_empty() { Ok(value) } else { Err(postcard::Error::DeserializeBadEncoding) }
    }
}

/// Arguments that are being put into bytes, or why one could not be.
#[doc(hidden)]
pub struct Packed(postcard::Result<Vec<u8>>);

impl Packed {
    pub(super) fn new() -> Self {
        Self(Ok(Vec::new()))
    }

    pub(super) fn finish(self) -> postcard::Result<Vec<u8>> {
        self.0
    }
}

/// The bytes of arguments that are not yet read, or why one could not be.
#[doc(hidden)]
pub struct Unpacked<'a>(postcard::Result<&'a [u8]>);

impl<'a> Unpacked<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(Ok(bytes))
    }

    /// What `args` is, when it is all that there was.
    pub(super) fn finish<A>(self, args: Option<A>) -> postcard::Result<A> {
        match (args, self.0?) {
            (Some(args), []) => Ok(args),
            _ => Err(postcard::Error::DeserializeBadEncoding),
        }
    }
}
