//! What stands in for the repo when there is a mistake, so that code that uses it is not told that
//! there is no `Repo`, no `Repo::start` or no `all`: one mistake, one message.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Generics, Ident, Item, Visibility};

use super::model::{Model, Target};

/// The user's item as it is (derives, also those that ran above, fit nothing else), and on a type
/// what the expansion would have given it, with bodies that never run.
pub(super) fn stub(model: &Model, target: &Target) -> TokenStream {
    let (item, implementations) = match target {
        Target::Struct(item) => {
            let mut item = item.clone();
            item.attrs.retain(|attr| !attr.path().is_ident("litefs_repo"));
            let implementations = implementations(model, &item.attrs, &item.vis, &item.ident, &item.generics);
            (item.to_token_stream(), implementations)
        }
        Target::Item(item) => {
            let implementations = match &**item {
                Item::Enum(item) => {
                    implementations(model, &item.attrs, &item.vis, &item.ident, &item.generics)
                }
                Item::Union(item) => {
                    implementations(model, &item.attrs, &item.vis, &item.ident, &item.generics)
                }
                _ => TokenStream::new(),
            };
            (item.to_token_stream(), implementations)
        }
        Target::Unread(item) => (item.clone(), TokenStream::new()),
    };
    quote!(#item #implementations)
}

fn implementations(
    model: &Model,
    attrs: &[Attribute],
    vis: &Visibility,
    ident: &Ident,
    generics: &Generics,
) -> TokenStream {
    let (krate, local, name) = (model.krate(), model.local(), model.name(ident));
    let (params, args, conditions) = generics.split_for_impl();
    let never = quote!(::core::unreachable!());
    let clone = (!model.derives(attrs, "Clone")).then(|| {
        quote! {
            impl #params ::core::clone::Clone for #ident #args #conditions {
                fn clone(&self) -> Self { #never }
            }
        }
    });
    let debug = (!model.derives(attrs, "Debug")).then(|| {
        quote! {
            impl #params ::core::fmt::Debug for #ident #args #conditions {
                fn fmt(&self, _: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result { #never }
            }
        }
    });
    // With parameters it would need bounds that the user has not written.
    let repo = generics.params.is_empty().then(|| {
        quote! {
            impl #krate::LitefsRepo for #ident #conditions {
                const NAME: &'static str = #name;
                type Local = #local;
                fn from_handle(_: #krate::RepoHandle<Self::Local>) -> Self { #never }
                fn handle(&self) -> &#krate::RepoHandle<Self::Local> { #never }
            }
        }
    });
    quote! {
        #clone
        #debug
        #repo
        impl #params #ident #args #conditions {
            #vis async fn start(_: #krate::Config) -> ::core::result::Result<Self, #krate::Error> { #never }
            #vis fn on(_: &#krate::Node) -> ::core::result::Result<Self, #krate::Error> { #never }
        }
        impl #params ::core::ops::Deref for #ident #args #conditions {
            type Target = #krate::RepoHandle<#local>;
            fn deref(&self) -> &Self::Target { #never }
        }
    }
}
