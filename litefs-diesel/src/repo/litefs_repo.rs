//! What `#[litefs_repo]` implements: the whole contract between the macro and this crate.

use std::fmt;

use super::{LocalConnection, Registration, RepoHandle};

/// A repo of this application: one database, under the name by which the settings know it.
///
/// `#[litefs_repo]` implements it, together with `Clone`, `Debug`, `Deref` to [`RepoHandle`] (the
/// typed methods) and the inherent functions `start`, `on` and `call`. Name it as a bound in code that
/// serves any repo; there is no need to implement it by hand.
///
/// ```
/// use litefs_diesel::{LitefsRepo, litefs_repo};
///
/// #[litefs_repo]
/// pub struct Repo;
///
/// #[litefs_repo(name = "Audit")]
/// pub struct AuditRepo;
///
/// fn settings_of<R: LitefsRepo>() -> String {
///     format!("[repo.{}]", R::NAME)
/// }
/// assert_eq!(settings_of::<Repo>(), "[repo.Repo]");
/// assert_eq!(settings_of::<AuditRepo>(), "[repo.Audit]");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a repo",
    label = "not declared with `#[litefs_repo]`",
    note = "a repo is declared with `#[litefs_repo] pub struct Repo;`"
)]
pub trait LitefsRepo: Clone + fmt::Debug + Send + Sync + 'static {
    /// The name in the settings: the table `[repo.NAME]`.
    const NAME: &'static str;

    /// The connection to this node's file.
    type Local: LocalConnection;

    /// The procedures that it lists, with how they are run.
    #[doc(hidden)]
    const PROCEDURES: &'static [Registration] = &[];

    /// The repo on a node that serves it.
    fn from_handle(handle: RepoHandle<Self::Local>) -> Self;

    /// The handle that has the typed methods.
    fn handle(&self) -> &RepoHandle<Self::Local>;
}
