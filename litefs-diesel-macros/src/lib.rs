//! The macros of litefs-diesel. Applications use them through `litefs-diesel`, which re-exports
//! them and documents what they expand into.

mod above;
mod args;
mod mistakes;
mod procedure;
mod repo;
mod scan;
#[cfg(test)]
mod snapshot;
mod spans;

use proc_macro::TokenStream;

/// Makes a repo of a struct: one database of the application, with all typed methods.
///
/// ```no_run
/// use diesel::SqliteConnection as LocalConn;
/// use litefs_diesel::{Config, Error, litefs_repo};
///
/// /// The shop's database.
/// #[litefs_repo(local = LocalConn)]
/// pub struct Repo;
///
/// async fn shop(config: Config) -> Result<(), Error> {
///     let repo = Repo::start(config).await?;
///     let for_another_task = repo.clone(); // cheap: both are the same repo
///     # let _ = for_another_task;
///     Ok(())
/// }
/// ```
///
/// # Arguments
/// All may be left out.
///
/// | key | default | |
/// |---|---|---|
/// | `local = TYPE` | `diesel::SqliteConnection` | the connection to this node's file: that, or a type of your own over it that implements `LocalConnection` |
/// | `name = "NAME"` | the struct's name | the table `[repo.NAME]` in the settings; letters, digits, `_`, `-` |
/// | `procedures(PATH, …)` | none | the repo's procedures, each by the path of its function: see [`macro@procedure`] |
/// | `crate = "PATH"` | `::litefs_diesel` | where litefs-diesel is, if the application has renamed it; with or without quotes |
///
/// # What it makes
/// The struct keeps its name, visibility, documentation and attributes, and gets one private field.
/// It implements `LitefsRepo`, `Deref` to `RepoHandle` (the typed methods), `Clone` and `Debug` (unless
/// they are derived), and has three functions, as visible as the struct: `start(config)`, which starts
/// a node for it alone, `on(&node)`, for several repos on one node, and `call::<P>(args)`, which calls a
/// procedure. All other names are free for inherent methods of your own, and for those of
/// procedures:
///
/// ```
/// use litefs_diesel::{Error, LitefsRepo, Node, litefs_repo};
///
/// #[litefs_repo]
/// pub struct Repo;
///
/// #[litefs_repo(name = "audit")]
/// pub(crate) struct AuditRepo;
///
/// impl AuditRepo {
///     pub(crate) fn settings() -> String {
///         format!("[repo.{}]", Self::NAME)
///     }
/// }
///
/// fn repos(node: &Node) -> Result<(Repo, AuditRepo), Error> {
///     Ok((Repo::on(node)?, AuditRepo::on(node)?))
/// }
/// assert_eq!(AuditRepo::settings(), "[repo.audit]");
/// ```
///
/// Derives go **below** it: one that stands above has seen the struct without its field. That is an
/// error wherever the source text can be read; a derive that a `macro_rules!` argument puts
/// above goes unseen.
#[proc_macro_attribute]
pub fn litefs_repo(args: TokenStream, item: TokenStream) -> TokenStream {
    let call_site = proc_macro2::Span::call_site();
    repo::litefs_repo(args.into(), item.into(), above::derives_above(), call_site).into()
}

/// Makes a procedure of a function: the primary runs it for whoever calls it, in one transaction and
/// one round trip.
///
/// ```
/// use diesel::SqliteConnection as LocalConn;
/// use diesel::prelude::*;
/// use litefs_diesel::{CallError, Config, DbError, Error, litefs_repo, procedure};
/// use serde::{Deserialize, Serialize};
///
/// diesel::table! { accounts { id -> Integer, cents -> BigInt, } }
///
/// #[litefs_repo(local = LocalConn, procedures(bank::transfer))]
/// pub struct Repo;
///
/// mod bank {
///     use super::*;
///
///     #[derive(Debug, PartialEq, Serialize, Deserialize)]
///     pub enum TransferError {
///         TooLittle { cents: i64 },
///         Database(DbError),
///     }
///
///     impl From<diesel::result::Error> for TransferError {
///         fn from(error: diesel::result::Error) -> Self {
///             Self::Database(error.into())
///         }
///     }
///
///     /// Moves money, and gives what is left.
///     #[procedure(repo = Repo, version = 1)]
///     pub fn transfer(conn: &mut LocalConn, from: i32, to: i32, cents: i64) -> Result<i64, TransferError> {
///         let from = accounts::table.find(from);
///         let has: i64 = from.select(accounts::cents).first(conn)?;
///         if has < cents {
///             return Err(TransferError::TooLittle { cents: has });
///         }
///         diesel::update(from).set(accounts::cents.eq(has - cents)).execute(conn)?;
///         let to = accounts::table.find(to);
///         diesel::update(to).set(accounts::cents.eq(accounts::cents + cents)).execute(conn)?;
///         Ok(has - cents)
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Error> {
/// let repo = Repo::start(Config::temporary()).await?;
/// # repo.execute(diesel::sql_query("CREATE TABLE accounts (id INTEGER PRIMARY KEY, cents BIGINT NOT NULL)")).await?;
/// # repo.execute(diesel::sql_query("INSERT INTO accounts VALUES (1, 500), (2, 0)")).await?;
/// let left: i64 = match repo.transfer(1, 2, 100).await {
///     Ok(left) => left,
///     Err(CallError::Procedure(refused)) => panic!("nothing changed: {refused:?}"),
///     Err(CallError::Outcome(outcome)) => return Err(outcome),
/// };
/// assert_eq!(left, 400);
///
/// // By its type, where there is no method: a library that takes any repo.
/// let refused = repo.call::<bank::transfer>((1, 2, 1_000)).await;
/// assert!(matches!(refused, Err(CallError::Procedure(bank::TransferError::TooLittle { cents: 400 }))));
///
/// // The function is still one, for tests and for other procedures.
/// let _: fn(&mut LocalConn, i32, i32, i64) -> Result<i64, bank::TransferError> = bank::transfer;
/// # Ok(())
/// # }
/// ```
///
/// # Arguments
/// | key | default | |
/// |---|---|---|
/// | `repo = PATH` | must be given | the repo, which lists the function in its `procedures(…)` |
/// | `version = N` | must be given | from 1 up; another one whenever arguments, value, error or meaning change |
/// | `name = "NAME"` | the function's name | what nodes call it; keeps two versions side by side: letters, digits, `_`, `-`, `.` |
/// | `crate = "PATH"` | `::litefs_diesel` | where litefs-diesel is, if the application has renamed it |
///
/// # The function
/// A plain `fn`, public or public in the crate. Its first argument is `&mut` the connection that the
/// repo names as `local`. The others travel, and so does what it returns: types that
/// derive `serde::Serialize` and `serde::Deserialize` and are `Send`. `&str`, `&[T]` and `&T` of what
/// can be cloned may be arguments, too: they are owned on the way. It returns a `Result`, by
/// whatever alias; its error is [`From<diesel::result::Error>`](From), and may be `DbError`.
///
/// # What it makes
/// The function stays as it is. Beside it stands an empty enum of the same path, which is the procedure as a
/// type (it implements `Procedure`), and the repo gets a method of the function's name, as visible
/// as the function, that gives a `Call`: a `Write`, with all that one has.
///
/// Rolling deploys, panics, and what travels: see the guide's page on procedures.
#[proc_macro_attribute]
pub fn procedure(args: TokenStream, item: TokenStream) -> TokenStream {
    procedure::procedure(args.into(), item.into(), proc_macro2::Span::call_site()).into()
}
