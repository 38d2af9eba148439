/// Docs.
#[deprecated]
pub fn pay(conn: &mut LocalConn, mut order: Order, to: &str) -> Result<i64, PayError> {
    body()
}
/// The procedure `pay`, version 1, as a type: for `repo.call::<pay>(…)`.
#[allow(non_camel_case_types, clippy::exhaustive_enums)]
pub enum pay {}
#[automatically_derived]
#[allow(deprecated)]
impl ::litefs_diesel::Procedure for pay {
    const NAME: &'static str = "pay";
    const VERSION: u32 = 1u32;
    type Local = LocalConn;
    type Args = (Order, <str as ::std::borrow::ToOwned>::Owned);
    type Ok = <Result<i64, PayError> as ::litefs_diesel::__private::ProcedureResult>::Ok;
    type Err = <Result<
        i64,
        PayError,
    > as ::litefs_diesel::__private::ProcedureResult>::Err;
    fn value() -> ::litefs_diesel::__private::Codec<Self::Ok> {
        ::litefs_diesel::__private::portable::<Self::Ok>()
    }
    fn error() -> ::litefs_diesel::__private::Codec<Self::Err> {
        ::litefs_diesel::__private::portable_error::<Self::Err>()
    }
    fn run(
        conn: &mut Self::Local,
        (arg0, arg1): Self::Args,
    ) -> ::core::result::Result<Self::Ok, Self::Err> {
        pay(conn, arg0, ::core::borrow::Borrow::<str>::borrow(&arg1))
    }
    fn lend<T>(
        conn: &mut ::litefs_diesel::__private::SqliteConnection,
        work: impl ::core::ops::FnOnce(&mut Self::Local) -> T,
    ) -> ::litefs_diesel::__private::ConnectionResult<T> {
        <LocalConn as ::litefs_diesel::__private::FirstArgument<Repo>>::lend(conn, work)
    }
    fn pack((arg0, arg1): Self::Args, packed: &mut ::litefs_diesel::__private::Packed) {
        let _ = &packed;
        ::litefs_diesel::__private::portable::<Order>().pack(&arg0, packed);
        ::litefs_diesel::__private::portable::<<str as ::std::borrow::ToOwned>::Owned>()
            .pack(&arg1, packed);
    }
    fn unpack(
        packed: &mut ::litefs_diesel::__private::Unpacked<'_>,
    ) -> ::core::option::Option<Self::Args> {
        let _ = &packed;
        ::core::option::Option::Some((
            ::litefs_diesel::__private::portable::<Order>().unpack(packed)?,
            ::litefs_diesel::__private::portable::<
                <str as ::std::borrow::ToOwned>::Owned,
            >()
                .unpack(packed)?,
        ))
    }
}
#[allow(dead_code, clippy::too_many_arguments)]
impl Repo {
    /// Docs.
    ///
    /// The procedure `pay`, version 1, called on the primary: one round trip, one transaction.
    #[deprecated]
    pub fn pay(&self, order: Order, to: &str) -> ::litefs_diesel::repo::Call<pay> {
        ::litefs_diesel::__private::call::<
            pay,
            Self,
        >(self, (order, <str as ::std::borrow::ToOwned>::to_owned(to)))
    }
}
