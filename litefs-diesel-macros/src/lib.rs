//! The macros of litefs-diesel. Applications use them through `litefs-diesel`, which re-exports
//! them and documents what they expand into.

mod above;
mod mistakes;
mod repo;
mod scan;

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
/// | `crate = "PATH"` | `::litefs_diesel` | where litefs-diesel is, if the application has renamed it; with or without quotes |
///
/// # What it makes
/// The struct keeps its name, visibility, documentation and attributes, and gets one private field.
/// It implements `LitefsRepo`, `Deref` to `RepoHandle` (the typed methods), `Clone` and `Debug` (unless
/// they are derived), and has two functions, as visible as the struct: `start(config)`, which starts
/// a node for it alone, and `on(&node)`, for several repos on one node. All other names are free for
/// inherent methods of your own:
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
