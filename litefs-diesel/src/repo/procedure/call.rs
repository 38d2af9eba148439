//! Calling a procedure, wherever the primary is.

use diesel::result::Error as DieselError;

use super::super::builder::Write;
use super::super::write::typed;
use super::contract::{Procedure, Registered};
use super::error::CallError;
use super::portable::Packed;
use crate::error::Error;
use crate::position::Position;
use crate::request::{self, ProcedureCall, Reply, Work, Written};

/// A call of the procedure `P`: nothing runs until it is awaited. It gives
/// `Result<P::Ok, CallError<P::Err>>`, and has what every [`Write`] has.
///
/// ```
/// # use diesel::SqliteConnection;
/// # use litefs_diesel::{DbError, litefs_repo, procedure};
/// # #[litefs_repo(procedures(double))]
/// # pub struct Repo;
/// # #[procedure(repo = Repo, version = 2)]
/// # pub fn double(_conn: &mut SqliteConnection, number: i64) -> Result<i64, DbError> {
/// #     Ok(2 * number)
/// # }
/// use litefs_diesel::repo::Call;
/// use litefs_diesel::{Ack, CallError};
/// use std::time::Duration;
///
/// async fn doubled(repo: &Repo) -> Result<i64, CallError<DbError>> {
///     let call: Call<double> = repo.double(21);
///     call.ack(Ack::Committed).timeout(Duration::from_secs(2)).await
/// }
/// ```
pub type Call<P> = Write<<P as Procedure>::Ok, CallError<<P as Procedure>::Err>>;

/// What a repo's methods for its procedures expand into.
#[doc(hidden)]
pub fn call<P: Procedure, R: Registered<P>>(repo: &R, args: P::Args) -> Call<P> {
    let mut packed = Packed::new();
    P::pack(args, &mut packed);
    let packed = packed.finish();
    Write::new(&repo.handle().database, move |database, terms| async move {
        let args = packed.map_err(unsent::<P>)?;
        let call = ProcedureCall { name: P::NAME.to_owned(), version: P::VERSION, args };
        let write = request::Write { work: Work::Call(call), ..request::Write::of(Vec::new()) };
        typed(database.send(write, terms).await, returned::<P>)
    })
}

/// What the procedure returned, and where its commit is.
fn returned<P: Procedure>(written: Written) -> Result<(P::Ok, Position), CallError<P::Err>> {
    let position = written.position;
    let value = match written.reply {
        Some(Reply::Ok(bytes)) => P::value().read_all(&bytes).map_err(|error| unread::<P>("value", error)),
        Some(Reply::Err(bytes)) => {
            return Err(match P::error().read_all(&bytes) {
                Ok(error) => CallError::Procedure(error),
                // Nothing is kept when a procedure fails.
                Err(error) => Error::Rejected(unread::<P>("error", error)).into(),
            });
        }
        None => Err(DieselError::DeserializationError("the primary gave nothing for the call".into())),
    };
    match value {
        Ok(value) => Ok((value, position)),
        Err(source) => Err(Error::CommittedNotDecoded { position, source }.into()),
    }
}

fn unsent<P: Procedure>(error: postcard::Error) -> Error {
    let said = format!("the arguments of `{}` have no form in which they travel: {error}", P::NAME);
    Error::Rejected(DieselError::SerializationError(said.into()))
}

fn unread<P: Procedure>(what: &str, error: postcard::Error) -> DieselError {
    let said = format!(
        "the {what} of `{}` version {} on the primary is not the one that this node knows: {error}; a procedure \
         whose types change gets a new version",
        P::NAME,
        P::VERSION,
    );
    DieselError::DeserializationError(said.into())
}
