//! What stands in for the repo when there is a mistake, so that code that uses it is not told that
//! there is no `Repo`, no `Repo::start` or no `all`: one mistake, one message.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Fields, Generics, Ident, Item, ItemStruct, Visibility, parse_quote};

use super::model::{Model, Target, is_litefs_repo};

/// The user's item as it is (derives, also those that ran above, fit nothing else), and on a type
/// what the expansion would have given it, with bodies that never run.
pub(super) fn stub(model: &Model, target: &Target) -> TokenStream {
    let (item, implementations) = match target {
        Target::Struct(item) => {
            let mut item = item.clone();
            item.attrs.retain(|attr| !is_litefs_repo(attr));
            use_parameters(&mut item);
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

/// The compiler has a message of its own for a parameter that no field names.
fn use_parameters(item: &mut ItemStruct) {
    if item.fields.is_empty() && !item.generics.params.is_empty() {
        let types = item.generics.type_params().map(|param| &param.ident);
        let lifetimes = item.generics.lifetimes().map(|param| &param.lifetime);
        item.fields = Fields::Unnamed(
            parse_quote!((::core::marker::PhantomData<(#(*const #types,)* #(&#lifetimes (),)*)>)),
        );
        item.semi_token = Some(Default::default());
    }
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
    // With parameters it would need bounds that the user has not written. As in the expansion,
    // `local` stands in one place.
    let target = match generics.params.is_empty() {
        true => quote!(<Self as #krate::LitefsRepo>::Local),
        false => local.clone(),
    };
    let repo = generics.params.is_empty().then(|| {
        quote! {
            impl #krate::LitefsRepo for #ident #conditions {
                const NAME: &'static str = #name;
                type Local = #local;
                fn from_handle(_: #krate::RepoHandle<Self::Local>) -> Self { #never }
                fn handle(&self) -> &#krate::RepoHandle<Self::Local> { #never }
            }
            // Its list may be what was wrong.
            impl<P: #krate::Procedure> #krate::Registered<P> for #ident #conditions {}
        }
    });
    quote! {
        #clone
        #debug
        #repo
        impl #params #ident #args #conditions {
            #vis async fn start(_: #krate::Config) -> ::core::result::Result<Self, #krate::Error> { #never }
            #vis fn on(_: &#krate::Node) -> ::core::result::Result<Self, #krate::Error> { #never }
            #vis fn call<P: #krate::Procedure>(&self, _: P::Args) -> #krate::repo::Call<P> { #never }
        }
        impl #params ::core::ops::Deref for #ident #args #conditions {
            type Target = #krate::RepoHandle<#target>;
            fn deref(&self) -> &Self::Target { #never }
        }
    }
}
