//! What stands in for the procedure when there is a mistake, so that its repo and its callers are
//! not told that it is not there: one mistake, one message.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::FnArg;

use super::borrowed;
use super::check::is_surely_no_result;
use super::expand::{results, twin};
use super::model::{Model, is_procedure};

/// The function as it is, and what the expansion would have put beside it, with bodies that never
/// run.
pub(super) fn stub(model: &Model) -> TokenStream {
    let mut function = model.function.clone();
    function.attrs.retain(|attr| !is_procedure(attr));
    if let Some(FnArg::Receiver(_)) = function.sig.inputs.first() {
        // It stands in an `impl`, where nothing else may.
        return function.to_token_stream();
    }
    let (twin, procedure, method) = (twin(model), procedure(model), method(model));
    quote!(#function #twin #procedure #method)
}

fn procedure(model: &Model) -> TokenStream {
    let (krate, ident) = (model.krate(), model.ident());
    let (name, version) = (model.name(), model.args.version.unwrap_or(1));
    let named = model.function.sig.generics.params.is_empty()
        && model
            .output()
            .is_some_and(|output| borrowed::find(output).is_none() && !is_surely_no_result(output));
    let results = match named {
        true => results(model),
        false => quote!(type Ok = (); type Err = #krate::DbError;),
    };
    let never = quote!(::core::unreachable!());
    quote! {
        impl #krate::Procedure for #ident {
            const NAME: &'static str = #name;
            const VERSION: u32 = #version;
            type Local = #krate::__private::SqliteConnection;
            type Args = ();
            #results
            fn run(_: &mut Self::Local, _: ()) -> ::core::result::Result<Self::Ok, Self::Err> { #never }
            fn lend<T>(
                _: &mut #krate::__private::SqliteConnection,
                _: impl ::core::ops::FnOnce(&mut Self::Local) -> T,
            ) -> #krate::__private::ConnectionResult<T> { #never }
            fn pack(_: (), _: &mut #krate::__private::Packed) { #never }
            fn value() -> #krate::__private::Codec<Self::Ok> { #never }
            fn error() -> #krate::__private::Codec<Self::Err> { #never }
            fn unpack(_: &mut #krate::__private::Unpacked<'_>) -> ::core::option::Option<()> { #never }
        }
    }
}

/// What its callers call, where its repo and its types are known.
fn method(model: &Model) -> Option<TokenStream> {
    let repo = model.args.repo.as_ref()?;
    if !model.function.sig.generics.params.is_empty() || model.is_named_as_the_repos_own() {
        return None;
    }
    let (krate, ident, vis) = (model.krate(), model.ident(), &model.function.vis);
    let types = model.arguments().into_iter().map(|argument| argument.ty.clone());
    Some(quote! {
        #[allow(dead_code, clippy::too_many_arguments)]
        impl #repo {
            #vis fn #ident(&self #(, _: #types)*) -> #krate::repo::Call<#ident> { ::core::unreachable!() }
        }
    })
}
