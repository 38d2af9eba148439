#[cfg(x)]
pub(crate) fn r#type(_: &mut LocalConn) -> Alias {}
#[cfg(x)]
/// The procedure `b.c`, version 7, as a type: for `repo.call::<r#type>(…)`.
#[allow(non_camel_case_types, clippy::exhaustive_enums)]
pub(crate) enum r#type {}
#[cfg(x)]
#[automatically_derived]
#[allow(deprecated)]
impl d::e::Procedure for r#type {
    const NAME: &'static str = "b.c";
    const VERSION: u32 = 7u32;
    type Local = LocalConn;
    type Args = ();
    type Ok = <Alias as d::e::__private::ProcedureResult>::Ok;
    type Err = <Alias as d::e::__private::ProcedureResult>::Err;
    fn value() -> d::e::__private::Codec<Self::Ok> {
        d::e::__private::portable::<Self::Ok>()
    }
    fn error() -> d::e::__private::Codec<Self::Err> {
        d::e::__private::portable_error::<Self::Err>()
    }
    fn run(
        conn: &mut Self::Local,
        (): Self::Args,
    ) -> ::core::result::Result<Self::Ok, Self::Err> {
        r#type(conn)
    }
    fn lend<T>(
        conn: &mut d::e::__private::SqliteConnection,
        work: impl ::core::ops::FnOnce(&mut Self::Local) -> T,
    ) -> d::e::__private::ConnectionResult<T> {
        <LocalConn as d::e::__private::FirstArgument<a::Repo>>::lend(conn, work)
    }
    fn pack((): Self::Args, packed: &mut d::e::__private::Packed) {
        let _ = &packed;
    }
    fn unpack(
        packed: &mut d::e::__private::Unpacked<'_>,
    ) -> ::core::option::Option<Self::Args> {
        let _ = &packed;
        ::core::option::Option::Some(())
    }
}
#[cfg(x)]
#[allow(dead_code, clippy::too_many_arguments)]
impl a::Repo {
    ///
    /// The procedure `b.c`, version 7, called on the primary: one round trip, one transaction.
    pub(crate) fn r#type(&self) -> d::e::repo::Call<r#type> {
        d::e::__private::call::<r#type, Self>(self, ())
    }
}
