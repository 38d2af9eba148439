//! What the user wrote, before anything is said about it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{Attribute, Ident, Item, ItemStruct, LitStr, Meta, Path, Token, Type};

use crate::above;
use crate::spans::krate;

/// One use of `#[litefs_repo]`.
pub(super) struct Model {
    pub(super) args: Args,
    pub(super) target: Target,
    /// What ran before us and is gone from the item.
    pub(super) derives_above: Vec<String>,
    /// Where the attribute stands.
    pub(super) call_site: Span,
}

/// What stands in the brackets. A value that is none is left out, and a mistake is noted.
#[derive(Default)]
pub(super) struct Args {
    pub(super) local: Option<Type>,
    pub(super) name: Option<LitStr>,
    pub(super) krate: Option<Path>,
    pub(super) procedures: Vec<Path>,
}

/// What the attribute stands on.
pub(super) enum Target {
    Struct(Box<ItemStruct>),
    /// Any other item.
    Item(Box<Item>),
    /// Something that `syn` does not know, but the compiler does.
    Unread(TokenStream),
}

impl Target {
    pub(super) fn parse(item: TokenStream) -> Self {
        match syn::parse2(item.clone()) {
            Ok(Item::Struct(item)) => Self::Struct(Box::new(item)),
            Ok(item) => Self::Item(Box::new(item)),
            Err(_) => Self::Unread(item),
        }
    }
}

impl Model {
    /// The path of litefs-diesel.
    pub(super) fn krate(&self) -> TokenStream {
        krate(self.args.krate.as_ref())
    }

    /// The connection to the node's own file.
    pub(super) fn local(&self) -> TokenStream {
        match &self.args.local {
            Some(local) => local.to_token_stream(),
            None => {
                let krate = self.krate();
                quote!(#krate::__private::SqliteConnection)
            }
        }
    }

    /// The name in the settings.
    pub(super) fn name(&self, ident: &Ident) -> LitStr {
        match &self.args.name {
            Some(name) => name.clone(),
            None => LitStr::new(&ident.unraw().to_string(), ident.span()),
        }
    }

    /// Whether the user derives the trait; then we do not implement it.
    pub(super) fn derives(&self, attrs: &[Attribute], name: &str) -> bool {
        let below = attrs.iter().filter(|attr| attr.path().is_ident("derive")).any(|attr| {
            // By `Meta`, and not by `Path`: what a derive takes is the compiler's to judge.
            attr.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .is_ok_and(|derived| derived.iter().any(|meta| last_is(meta.path(), name)))
        });
        below || above::names(&self.derives_above, name)
    }
}

/// Whether the attribute is one more of ours.
pub(super) fn is_litefs_repo(attr: &Attribute) -> bool {
    last_is(attr.path(), "litefs_repo")
}

fn last_is(path: &Path, name: &str) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == name)
}
