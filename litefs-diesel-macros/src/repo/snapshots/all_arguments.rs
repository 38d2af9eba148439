pub struct Repo {
    handle: a::b::RepoHandle<<Repo as a::b::LitefsRepo>::Local>,
}
#[automatically_derived]
impl a::b::LitefsRepo for Repo {
    const NAME: &'static str = "shop";
    type Local = conn::Local<A, B>;
    const PROCEDURES: &'static [a::b::__private::Registration] = &[
        a::b::__private::Registration::of::<pay>(),
        a::b::__private::Registration::of::<bank::refund>(),
    ];
    fn from_handle(handle: a::b::RepoHandle<Self::Local>) -> Self {
        Self { handle }
    }
    fn handle(&self) -> &a::b::RepoHandle<Self::Local> {
        &self.handle
    }
}
#[automatically_derived]
impl a::b::Registered<pay> for Repo {}
const _: () = a::b::__private::named_once(
    <Repo as a::b::LitefsRepo>::PROCEDURES,
    0usize,
);
#[automatically_derived]
impl a::b::Registered<bank::refund> for Repo {}
const _: () = a::b::__private::named_once(
    <Repo as a::b::LitefsRepo>::PROCEDURES,
    1usize,
);
#[allow(dead_code)]
impl Repo {
    /// Starts a node that serves this repo alone, and gives the repo on it. Several repos
    /// in one application share a node: start that, and use [`on`](Self::on).
    ///
    /// # Errors
    /// When a setting is wrong, or the node cannot start with it: the message names the
    /// setting and what to do.
    pub async fn start(
        config: a::b::Config,
    ) -> ::core::result::Result<Self, a::b::Error> {
        a::b::__private::start::<Self>(config).await
    }
    /// This repo on a node that is running.
    ///
    /// From now on this node runs its procedures for those who call them.
    ///
    /// # Errors
    /// When the node's settings do not have this repo.
    pub fn on(node: &a::b::Node) -> ::core::result::Result<Self, a::b::Error> {
        a::b::__private::on::<Self>(node)
    }
    /// Calls the procedure `P` on the primary; `args` are its arguments behind the
    /// connection, as a tuple. For code that has no method of its name.
    ///
    /// # Errors
    /// The procedure's own, and the outcomes of a write.
    pub fn call<P>(&self, args: P::Args) -> a::b::repo::Call<P>
    where
        P: a::b::Procedure,
        Self: a::b::Registered<P>,
    {
        a::b::__private::call::<P, Self>(self, args)
    }
}
#[automatically_derived]
impl ::core::ops::Deref for Repo {
    type Target = a::b::RepoHandle<<Self as a::b::LitefsRepo>::Local>;
    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}
#[automatically_derived]
impl ::core::clone::Clone for Repo {
    fn clone(&self) -> Self {
        Self {
            handle: ::core::clone::Clone::clone(&self.handle),
        }
    }
}
#[automatically_derived]
impl ::core::fmt::Debug for Repo {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_struct("Repo").field("handle", &self.handle).finish()
    }
}
