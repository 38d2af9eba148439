/// Docs.
#[derive(PartialEq, std::clone::Clone)]
#[non_exhaustive]
#[derive(Debug)]
pub(crate) struct r#Repo {
    handle: ::litefs_diesel::RepoHandle<<r#Repo as ::litefs_diesel::LitefsRepo>::Local>,
}
#[automatically_derived]
impl ::litefs_diesel::LitefsRepo for r#Repo {
    const NAME: &'static str = "Repo";
    type Local = ::litefs_diesel::__private::SqliteConnection;
    fn from_handle(handle: ::litefs_diesel::RepoHandle<Self::Local>) -> Self {
        Self { handle }
    }
    fn handle(&self) -> &::litefs_diesel::RepoHandle<Self::Local> {
        &self.handle
    }
}
#[allow(dead_code)]
impl r#Repo {
    /// Starts a node that serves this repo alone, and gives the repo on it. Several repos
    /// in one application share a node: start that, and use [`on`](Self::on).
    ///
    /// # Errors
    /// When a setting is wrong, or the node cannot start with it: the message names the
    /// setting and what to do.
    pub(crate) async fn start(
        config: ::litefs_diesel::Config,
    ) -> ::core::result::Result<Self, ::litefs_diesel::Error> {
        ::litefs_diesel::__private::start::<Self>(config).await
    }
    /// This repo on a node that is running.
    ///
    /// From now on this node runs its procedures for those who call them.
    ///
    /// # Errors
    /// When the node's settings do not have this repo.
    pub(crate) fn on(
        node: &::litefs_diesel::Node,
    ) -> ::core::result::Result<Self, ::litefs_diesel::Error> {
        ::litefs_diesel::__private::on::<Self>(node)
    }
    /// Calls the procedure `P` on the primary; `args` are its arguments behind the
    /// connection, as a tuple. For code that has no method of its name.
    ///
    /// # Errors
    /// The procedure's own, and the outcomes of a write.
    pub(crate) fn call<P>(&self, args: P::Args) -> ::litefs_diesel::repo::Call<P>
    where
        P: ::litefs_diesel::Procedure,
        Self: ::litefs_diesel::Registered<P>,
    {
        ::litefs_diesel::__private::call::<P, Self>(self, args)
    }
}
#[automatically_derived]
impl ::core::ops::Deref for r#Repo {
    type Target = ::litefs_diesel::RepoHandle<
        <Self as ::litefs_diesel::LitefsRepo>::Local,
    >;
    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}
