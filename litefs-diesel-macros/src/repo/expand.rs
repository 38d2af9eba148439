//! The struct and its implementations, one a function.
//!
//! The user's `local` appears once, in [`the_repo`]; all else names it through the trait, so that a
//! mistake in it is one message.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ItemStruct;
use syn::ext::IdentExt;

use super::model::Model;
use crate::spans::{at, moved};

pub(super) fn expand(model: &Model, item: &ItemStruct) -> TokenStream {
    let parts = [
        the_struct(model, item),
        the_repo(model, item),
        procedures(model, item),
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
    let span = model.args.local.as_ref().map_or_else(Span::call_site, at);
    let local = quote_spanned!(span=> type Local = #local;);
    let procedures = &model.args.procedures;
    let procedures = (!procedures.is_empty()).then(|| {
        quote! {
            const PROCEDURES: &'static [#krate::__private::Registration] =
                &[#(#krate::__private::Registration::of::<#procedures>()),*];
        }
    });
    quote! {
        #[automatically_derived]
        impl #krate::LitefsRepo for #ident {
            const NAME: &'static str = #name;
            #local
            #procedures
            fn from_handle(handle: #krate::RepoHandle<Self::Local>) -> Self {
                Self { handle }
            }
            fn handle(&self) -> &#krate::RepoHandle<Self::Local> {
                &self.handle
            }
        }
    }
}

/// That each is listed, which its own expansion asks for, and under a name of its own.
fn procedures(model: &Model, ItemStruct { ident, .. }: &ItemStruct) -> TokenStream {
    let procedures = model.args.procedures.iter().enumerate();
    let listed = procedures.map(|(index, procedure)| {
        let krate = moved(model.krate(), at(procedure));
        quote_spanned! {at(procedure)=>
            #[automatically_derived]
            impl #krate::Registered<#procedure> for #ident {}
            const _: () = #krate::__private::named_once(<#ident as #krate::LitefsRepo>::PROCEDURES, #index);
        }
    });
    listed.collect()
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
            /// From now on this node runs its procedures for those who call them.
            ///
            /// # Errors
            /// When the node's settings do not have this repo.
            #vis fn on(node: &#krate::Node) -> ::core::result::Result<Self, #krate::Error> {
                #krate::__private::on::<Self>(node)
            }

            /// Calls the procedure `P` on the primary; `args` are its arguments behind the
            /// connection, as a tuple. For code that has no method of its name.
            ///
            /// # Errors
            /// The procedure's own, and the outcomes of a write.
            #vis fn call<P>(&self, args: P::Args) -> #krate::repo::Call<P>
            where
                P: #krate::Procedure,
                Self: #krate::Registered<P>,
            {
                #krate::__private::call::<P, Self>(self, args)
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
