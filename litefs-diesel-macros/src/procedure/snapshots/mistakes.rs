::core::compile_error! {
    "`version` takes a number from 1 to 4294967295, as in `version = 1`"
}
::core::compile_error! {
    "unknown key `retry`; the keys are `repo`, `version`, `name` and `crate`"
}
::core::compile_error! {
    "the name of a procedure takes letters, digits, `_`, `-` and `.`, and at least one"
}
::core::compile_error! {
    "a procedure is called from wherever its repo is: write `pub fn`, or `pub(crate) fn`"
}
::core::compile_error! {
    "a procedure holds the database's only writer, and waits for nothing: a plain `fn`"
}
::core::compile_error! {
    "a procedure is called with what any node sends: it cannot be `unsafe`"
}
::core::compile_error! {
    "the first argument of a procedure is the connection, as in `conn: &mut SqliteConnection`: `&mut` the type that its repo names as `local`"
}
::core::compile_error! {
    "an argument of a procedure has a name, which its callers read, and no pattern"
}
::core::compile_error! {
    "it is there for the time of the call: leave the lifetime out"
}
::core::compile_error! {
    "what is borrowed within a type cannot travel: use `Option<String>`"
}
::core::compile_error! {
    "a procedure returns a `Result<T, E>`: `Ok` commits what it did, and `Err` rolls it back"
}
async unsafe fn pay(
    conn: LocalConn,
    (a, b): (u8, u8),
    c: &'static str,
    d: Option<&str>,
) {}
/// The procedure ``, version 0, as a type: for `repo.call::<pay>(…)`.
#[allow(non_camel_case_types, clippy::exhaustive_enums)]
enum pay {}
impl ::litefs_diesel::Procedure for pay {
    const NAME: &'static str = "";
    const VERSION: u32 = 1u32;
    type Local = ::litefs_diesel::__private::SqliteConnection;
    type Args = ();
    type Ok = ();
    type Err = ::litefs_diesel::DbError;
    fn run(_: &mut Self::Local, _: ()) -> ::core::result::Result<Self::Ok, Self::Err> {
        ::core::unreachable!()
    }
    fn lend<T>(
        _: &mut ::litefs_diesel::__private::SqliteConnection,
        _: impl ::core::ops::FnOnce(&mut Self::Local) -> T,
    ) -> ::litefs_diesel::__private::ConnectionResult<T> {
        ::core::unreachable!()
    }
    fn pack(_: (), _: &mut ::litefs_diesel::__private::Packed) {
        ::core::unreachable!()
    }
    fn value() -> ::litefs_diesel::__private::Codec<Self::Ok> {
        ::core::unreachable!()
    }
    fn error() -> ::litefs_diesel::__private::Codec<Self::Err> {
        ::core::unreachable!()
    }
    fn unpack(
        _: &mut ::litefs_diesel::__private::Unpacked<'_>,
    ) -> ::core::option::Option<()> {
        ::core::unreachable!()
    }
}
#[allow(dead_code, clippy::too_many_arguments)]
impl Repo {
    fn pay(
        &self,
        _: (u8, u8),
        _: &'static str,
        _: Option<&str>,
    ) -> ::litefs_diesel::repo::Call<pay> {
        ::core::unreachable!()
    }
}
