//! The struct and its implementations, one a function.
//!
//! The user's `local` appears once, in [`the_repo`]; all else names it through the trait, so that a
//! mistake in it is one message.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ItemStruct;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::Model;

pub(super) fn expand(model: &Model, item: &ItemStruct) -> TokenStream {
    let parts = [
        the_struct(model, item),
        the_repo(model, item),
        ways_in(model, item),
        deref(model, item),
        clone(model, item),
        debug(model, item),
    ];
    parts.into_iter().collect()
}

fn the_struct(model: &Model, ItemStruct { attrs, vis, ident, .. }: &ItemStruct) -> TokenStream {
    let krate = model.krate();
    quote! {
        #(#attrs)*
        #vis struct #ident {
            handle: #krate::RepoHandle<<#ident as #krate::LitefsRepo>::Local>,
        }
    }
}

fn the_repo(model: &Model, ItemStruct { ident, .. }: &ItemStruct) -> TokenStream {
    let (krate, local, name) = (model.krate(), model.local(), model.name(ident));
    // At the user's type: that is where a private one is told.
    let span = model.args.local.as_ref().map_or_else(Span::call_site, Spanned::span);
    let local = quote_spanned!(span.resolved_at(Span::call_site())=> type Local = #local;);
    quote! {
        #[automatically_derived]
        impl #krate::LitefsRepo for #ident {
            const NAME: &'static str = #name;
            #local
            fn from_handle(handle: #krate::RepoHandle<Self::Local>) -> Self {
                Self { handle }
            }
            fn handle(&self) -> &#krate::RepoHandle<Self::Local> {
                &self.handle
            }
        }
    }
}

/// Inherent, so that an application imports nothing for them.
fn ways_in(model: &Model, ItemStruct { vis, ident, .. }: &ItemStruct) -> TokenStream {
    let krate = model.krate();
    quote! {
        // An application may use one of them, or (a library) neither.
        #[allow(dead_code)]
        impl #ident {
            /// Starts a node that serves this repo alone, and gives the repo on it. Several repos
            /// in one application share a node: start that, and use [`on`](Self::on).
            ///
            /// # Errors
            /// When a setting is wrong, or the node cannot start with it: the message names the
            /// setting and what to do.
            #vis async fn start(config: #krate::Config) -> ::core::result::Result<Self, #krate::Error> {
                #krate::__private::start::<Self>(config).await
            }

            /// This repo on a node that is running.
            ///
            /// # Errors
            /// When the node's settings do not have this repo.
            #vis fn on(node: &#krate::Node) -> ::core::result::Result<Self, #krate::Error> {
                #krate::__private::on::<Self>(node)
            }
        }
    }
}

/// The typed methods are the handle's.
fn deref(model: &Model, ItemStruct { ident, .. }: &ItemStruct) -> TokenStream {
    let krate = model.krate();
    quote! {
        #[automatically_derived]
        impl ::core::ops::Deref for #ident {
            type Target = #krate::RepoHandle<<Self as #krate::LitefsRepo>::Local>;
            fn deref(&self) -> &Self::Target {
                &self.handle
            }
        }
    }
}

fn clone(model: &Model, ItemStruct { attrs, ident, .. }: &ItemStruct) -> TokenStream {
    if model.derives(attrs, "Clone") {
        return TokenStream::new();
    }
    quote! {
        #[automatically_derived]
        impl ::core::clone::Clone for #ident {
            fn clone(&self) -> Self {
                Self { handle: ::core::clone::Clone::clone(&self.handle) }
            }
        }
    }
}

fn debug(model: &Model, ItemStruct { attrs, ident, .. }: &ItemStruct) -> TokenStream {
    if model.derives(attrs, "Debug") {
        return TokenStream::new();
    }
    let name = ident.unraw().to_string();
    quote! {
        #[automatically_derived]
        impl ::core::fmt::Debug for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(#name).field("handle", &self.handle).finish()
            }
        }
    }
}
