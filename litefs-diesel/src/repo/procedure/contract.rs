//! What `#[procedure]` and `procedures(…)` implement.

use diesel::{ConnectionResult, SqliteConnection};

use super::super::{LitefsRepo, LocalConnection};
use super::portable::{Codec, Packed, Unpacked};

/// A function that the primary runs for whoever calls it.
///
/// [`#[procedure]`](crate::procedure) implements it for an empty enum of the function's own path, so
/// that `bank::transfer` names both: the function where a value is meant, the procedure where a
/// type is. There is no need to implement it by hand.
///
/// ```
/// use diesel::SqliteConnection;
/// use litefs_diesel::{DbError, Procedure, litefs_repo, procedure};
///
/// #[litefs_repo(procedures(double))]
/// pub struct Repo;
///
/// #[procedure(repo = Repo, version = 2)]
/// pub fn double(_conn: &mut SqliteConnection, number: i64) -> Result<i64, DbError> {
///     Ok(2 * number)
/// }
///
/// fn title<P: Procedure>() -> String {
///     format!("{}, version {}", P::NAME, P::VERSION)
/// }
/// assert_eq!(title::<double>(), "double, version 2");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a procedure",
    label = "not declared with `#[procedure]`",
    note = "a procedure is declared with `#[procedure(repo = Repo, version = 1)]` on a public function"
)]
pub trait Procedure: Sized + 'static {
    /// The name under which nodes call it. Together with the version it is unique in a repo.
    const NAME: &'static str;

    /// The version that a caller means. A node that does not have it refuses the call before
    /// anything runs.
    const VERSION: u32;

    /// The connection that it is given: its repo's [`Local`](LitefsRepo::Local).
    type Local;

    /// Its arguments behind the connection, as a tuple; references as what owns them.
    type Args;

    /// What it returns when it goes well: a [`Portable`](crate::repo::Portable).
    type Ok: Send + Sync + 'static;

    /// What it returns when it does not, and then nothing of it is kept: a
    /// [`ProcedureError`](crate::repo::ProcedureError).
    type Err: Send + 'static;

    /// Calls the function.
    ///
    /// # Errors
    /// The function's own.
    fn run(conn: &mut Self::Local, args: Self::Args) -> Result<Self::Ok, Self::Err>;

    #[doc(hidden)]
    fn lend<T>(conn: &mut SqliteConnection, work: impl FnOnce(&mut Self::Local) -> T) -> ConnectionResult<T>;

    #[doc(hidden)]
    fn pack(args: Self::Args, packed: &mut Packed);

    #[doc(hidden)]
    fn unpack(packed: &mut Unpacked<'_>) -> Option<Self::Args>;

    #[doc(hidden)]
    fn value() -> Codec<Self::Ok>;

    #[doc(hidden)]
    fn error() -> Codec<Self::Err>;
}

/// The repo lists the procedure `P` in its `procedures(…)`. `#[litefs_repo]` implements it.
///
/// ```
/// # use diesel::SqliteConnection;
/// # use litefs_diesel::{DbError, Procedure, Registered, litefs_repo, procedure};
/// # #[litefs_repo(procedures(ping))]
/// # pub struct Repo;
/// # #[procedure(repo = Repo, version = 1)]
/// # pub fn ping(_conn: &mut SqliteConnection) -> Result<(), DbError> {
/// #     Ok(())
/// # }
/// // Code for any repo that has `ping`.
/// fn names<R: Registered<ping>>() -> (&'static str, &'static str) {
///     (R::NAME, ping::NAME)
/// }
/// assert_eq!(names::<Repo>(), ("Repo", "ping"));
/// ```
#[diagnostic::on_unimplemented(
    message = "the procedure `{P}` is not listed in `{Self}`",
    label = "not in the `procedures(…)` of `{Self}`",
    note = "list it by its path: `#[litefs_repo(procedures({P}))]`"
)]
pub trait Registered<P>: LitefsRepo {}

/// The type behind `&mut` of a procedure's first argument: the connection of its repo.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the connection of `{R}`",
    label = "not the `local` of `{R}`",
    note = "the first argument of a procedure is `&mut` the type that its repo names as `local` (`SqliteConnection` when it names none)"
)]
pub trait FirstArgument<R: LitefsRepo>: Sized {
    fn lend<T>(conn: &mut SqliteConnection, work: impl FnOnce(&mut Self) -> T) -> ConnectionResult<T>;
}

#[diagnostic::do_not_recommend]
impl<L: LocalConnection, R: LitefsRepo<Local = L>> FirstArgument<R> for L {
    fn lend<T>(conn: &mut SqliteConnection, work: impl FnOnce(&mut L) -> T) -> ConnectionResult<T> {
        L::with(conn, work)
    }
}

/// What a procedure returns, under whatever alias.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a procedure returns a `Result`",
    label = "not a `Result`",
    note = "`Ok` commits what it did and `Err` rolls it back: `Result<T, E>`, where `E` may be `litefs_diesel::DbError`"
)]
pub trait ProcedureResult {
    type Ok;
    type Err;
}

impl<T, E> ProcedureResult for Result<T, E> {
    type Ok = T;
    type Err = E;
}
