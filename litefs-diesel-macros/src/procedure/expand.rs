//! The function and what stands beside it, one a function.
//!
//! Each type of the user's is asked for what it must be in one place, with its own tokens there, so
//! that a mistake in it is one message that points at it.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Type, TypeReference};

use super::model::Model;
use crate::spans::{at, moved};

pub(super) fn expand(model: &Model) -> TokenStream {
    let function = &model.function;
    let parts = [quote!(#function), twin(model), procedure(model), method(model)];
    parts.into_iter().collect()
}

/// Types and functions have separate namespaces.
pub(super) fn twin(model: &Model) -> TokenStream {
    let (vis, ident, conditions) = (&model.function.vis, model.ident(), model.conditions());
    let docs = format!(" {}, as a type: for `repo.call::<{ident}>(…)`.", described(model));
    quote! {
        #(#conditions)*
        #[doc = #docs]
        #[allow(non_camel_case_types, clippy::exhaustive_enums)]
        #vis enum #ident {}
    }
}

fn procedure(model: &Model) -> TokenStream {
    let (krate, ident, conditions) = (model.krate(), model.ident(), model.conditions());
    let (name, version, repo) = (model.name(), model.args.version, &model.args.repo);
    let arguments = model.arguments();
    let owned: Vec<_> = arguments.iter().map(|argument| argument.owned()).collect();
    let ours: Vec<_> = arguments.iter().map(|argument| &argument.ours).collect();
    let given = arguments.iter().map(|argument| {
        let ours = &argument.ours;
        match argument.borrowed() {
            Some(behind) => quote_spanned!(at(behind)=> ::core::borrow::Borrow::<#behind>::borrow(&#ours)),
            None => quote!(#ours),
        }
    });
    let connection = connection(model);
    // The function may be called so, too.
    let [conn, packed] = ["conn", "packed"].map(|name| format_ident!("{name}", span = Span::mixed_site()));
    let (results, codecs) = (results(model), codecs(model));
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #krate::Procedure for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            type Local = #connection;
            type Args = (#(#owned,)*);
            #results
            #codecs
            fn run(
                #conn: &mut Self::Local,
                (#(#ours,)*): Self::Args,
            ) -> ::core::result::Result<Self::Ok, Self::Err> {
                #ident(#conn #(, #given)*)
            }
            fn lend<T>(
                #conn: &mut #krate::__private::SqliteConnection,
                work: impl ::core::ops::FnOnce(&mut Self::Local) -> T,
            ) -> #krate::__private::ConnectionResult<T> {
                <#connection as #krate::__private::FirstArgument<#repo>>::lend(#conn, work)
            }
            fn pack((#(#ours,)*): Self::Args, #packed: &mut #krate::__private::Packed) {
                let _ = &#packed;
                #(#krate::__private::portable::<#owned>().pack(&#ours, #packed);)*
            }
            fn unpack(#packed: &mut #krate::__private::Unpacked<'_>) -> ::core::option::Option<Self::Args> {
                let _ = &#packed;
                ::core::option::Option::Some((#(#krate::__private::portable::<#owned>().unpack(#packed)?,)*))
            }
        }
    }
}

/// `LocalConn` of `&mut LocalConn`.
fn connection(model: &Model) -> Option<&Type> {
    match model.connection()? {
        Type::Reference(TypeReference { elem, .. }) => Some(elem),
        other => Some(other),
    }
}

/// What it returns, by whatever alias.
pub(super) fn results(model: &Model) -> TokenStream {
    let (krate, output) = (model.krate(), model.output());
    quote_spanned! {output.map_or_else(Span::call_site, at)=>
        type Ok = <#output as #krate::__private::ProcedureResult>::Ok;
        type Err = <#output as #krate::__private::ProcedureResult>::Err;
    }
}

/// How that travels, asked for at the place of the value and of the error where both can be seen.
pub(super) fn codecs(model: &Model) -> TokenStream {
    let krate = model.krate();
    let (value, error) = model.value_and_error();
    let (value, error) = (at(value), at(error));
    let (value_krate, error_krate) = (moved(krate.clone(), value), moved(krate.clone(), error));
    let value = quote_spanned!(value=> #value_krate::__private::portable::<Self::Ok>());
    let error = quote_spanned!(error=> #error_krate::__private::portable_error::<Self::Err>());
    quote! {
        fn value() -> #krate::__private::Codec<Self::Ok> {
            #value
        }
        fn error() -> #krate::__private::Codec<Self::Err> {
            #error
        }
    }
}

/// Inherent, so that an application imports nothing for it. That the repo lists the procedure is
/// asked for in its body, at the function's name: who calls it is not told once more.
fn method(model: &Model) -> TokenStream {
    let (krate, ident, vis) = (model.krate(), model.ident(), &model.function.vis);
    let (repo, conditions) = (&model.args.repo, model.conditions());
    let attrs =
        |name: &'static str| model.function.attrs.iter().filter(move |attr| attr.path().is_ident(name));
    let (docs, deprecated) = (attrs("doc"), attrs("deprecated"));
    let described = format!(" {}, called on the primary: one round trip, one transaction.", described(model));
    let arguments = model.arguments();
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let types = arguments.iter().map(|argument| argument.ty);
    let owned = arguments.iter().map(|argument| {
        let name = &argument.name;
        match argument.borrowed() {
            Some(behind) => quote_spanned!(at(behind)=> <#behind as ::std::borrow::ToOwned>::to_owned(#name)),
            None => quote!(#name),
        }
    });
    let here = moved(krate.clone(), at(ident));
    let call = quote_spanned!(at(ident)=> #here::__private::call::<#ident, Self>);
    quote! {
        #(#conditions)*
        // The application may call the function alone.
        #[allow(dead_code, clippy::too_many_arguments)]
        impl #repo {
            #(#docs)*
            #[doc = ""]
            #[doc = #described]
            #(#deprecated)*
            #vis fn #ident(&self #(, #names: #types)*) -> #krate::repo::Call<#ident> {
                #call(self, (#(#owned,)*))
            }
        }
    }
}

pub(super) fn described(model: &Model) -> String {
    let version = model.args.version.unwrap_or_default();
    format!("The procedure `{}`, version {version}", model.name().value())
}
