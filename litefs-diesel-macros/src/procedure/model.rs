//! What the user wrote, before anything is said about it.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;

use crate::spans::{at, krate};
use syn::{
    Attribute, FnArg, Ident, ItemFn, LitStr, Pat, Path, PathArguments, ReturnType, Type, TypeReference,
};

/// One use of `#[procedure]`.
pub(super) struct Model {
    pub(super) args: Args,
    pub(super) function: ItemFn,
}

/// What stands in the brackets. A value that is none is left out, and a mistake is noted.
#[derive(Default)]
pub(super) struct Args {
    pub(super) repo: Option<Path>,
    pub(super) version: Option<u32>,
    pub(super) name: Option<LitStr>,
    pub(super) krate: Option<Path>,
}

/// An argument behind the connection.
pub(super) struct Argument<'a> {
    pub(super) pattern: &'a Pat,
    pub(super) ty: &'a Type,
    /// What its caller reads; made up where the pattern gives none.
    pub(super) name: Ident,
    /// What it is called in our own functions, where the user's names could be anything.
    pub(super) ours: Ident,
}

impl Argument<'_> {
    /// What is behind the `&`, when it is borrowed.
    pub(super) fn borrowed(&self) -> Option<&Type> {
        match self.ty {
            Type::Reference(TypeReference { elem, .. }) => Some(elem),
            _ => None,
        }
    }

    /// The type that travels.
    pub(super) fn owned(&self) -> TokenStream {
        match self.borrowed() {
            Some(behind) => quote_spanned!(at(behind)=> <#behind as ::std::borrow::ToOwned>::Owned),
            None => self.ty.to_token_stream(),
        }
    }
}

impl Model {
    /// The path of litefs-diesel.
    pub(super) fn krate(&self) -> TokenStream {
        krate(self.args.krate.as_ref())
    }

    pub(super) fn ident(&self) -> &Ident {
        &self.function.sig.ident
    }

    /// The repo has functions that are as visible as itself.
    pub(super) fn is_named_as_the_repos_own(&self) -> bool {
        ["start", "on", "call"].iter().any(|own| self.ident().unraw() == own)
    }

    /// What nodes call it.
    pub(super) fn name(&self) -> LitStr {
        match &self.args.name {
            Some(name) => name.clone(),
            None => LitStr::new(&self.ident().unraw().to_string(), self.ident().span()),
        }
    }

    /// The connection's type, as it is written: `&mut LocalConn`.
    pub(super) fn connection(&self) -> Option<&Type> {
        match self.function.sig.inputs.first()? {
            FnArg::Typed(first) => Some(&first.ty),
            FnArg::Receiver(_) => None,
        }
    }

    pub(super) fn arguments(&self) -> Vec<Argument<'_>> {
        let behind = self.function.sig.inputs.iter().skip(1);
        let typed = behind.filter_map(|arg| match arg {
            FnArg::Typed(arg) => Some(arg),
            FnArg::Receiver(_) => None,
        });
        typed
            .enumerate()
            .map(|(index, arg)| {
                let ours = format_ident!("arg{index}", span = Span::mixed_site());
                let name = match &*arg.pat {
                    Pat::Ident(pattern) => pattern.ident.clone(),
                    _ => ours.clone(),
                };
                Argument { pattern: &arg.pat, ty: &arg.ty, name, ours }
            })
            .collect()
    }

    /// What it returns.
    pub(super) fn output(&self) -> Option<&Type> {
        match &self.function.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, output) => Some(output),
        }
    }

    /// `T` and `E` of what it returns, where they are written there; else all of it.
    pub(super) fn value_and_error(&self) -> (TokenStream, TokenStream) {
        let output = self.output().to_token_stream();
        let Some(Type::Path(path)) = self.output() else { return (output.clone(), output) };
        let mut written = match path.path.segments.last().map(|last| &last.arguments) {
            Some(PathArguments::AngleBracketed(written)) => {
                written.args.iter().map(ToTokens::to_token_stream)
            }
            _ => return (output.clone(), output),
        };
        (written.next().unwrap_or_else(|| output.clone()), written.next().unwrap_or(output))
    }

    /// Under which conditions it is there at all: the same go for what stands beside it.
    pub(super) fn conditions(&self) -> Vec<&Attribute> {
        self.function.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect()
    }
}

/// Whether the attribute is one more of ours.
pub(super) fn is_procedure(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|last| last.ident == "procedure")
}
