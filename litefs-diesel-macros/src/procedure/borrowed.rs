//! Finds what borrows within a type, and says what would own it.

use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Lifetime, Type, TypeImplTrait, TypeReference, parse_quote};

/// What is in a type that cannot travel.
pub(super) enum Found {
    /// `&T`, anywhere.
    Reference,
    /// `'a`, anywhere.
    Lifetime,
    ImplTrait,
}

/// The first such thing in the type.
pub(super) fn find(ty: &Type) -> Option<Found> {
    let mut finder = Finder(None);
    finder.visit_type(ty);
    finder.0
}

struct Finder(Option<Found>);

impl<'ast> Visit<'ast> for Finder {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        self.0.get_or_insert(Found::Reference);
        visit::visit_type_reference(self, reference);
    }

    fn visit_lifetime(&mut self, _: &'ast Lifetime) {
        self.0.get_or_insert(Found::Lifetime);
    }

    fn visit_type_impl_trait(&mut self, _: &'ast TypeImplTrait) {
        self.0.get_or_insert(Found::ImplTrait);
    }
}

/// The type with what owns in the place of each reference, as a user writes it.
pub(super) fn owning(ty: &Type) -> String {
    let mut ty = ty.clone();
    Owner.visit_type_mut(&mut ty);
    spaced(&ty.to_token_stream().to_string())
}

struct Owner;

impl VisitMut for Owner {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::Reference(TypeReference { elem, .. }) = ty {
            *ty = match &**elem {
                Type::Path(path) if path.path.is_ident("str") => parse_quote!(String),
                Type::Slice(slice) => {
                    let of = &slice.elem;
                    parse_quote!(Vec<#of>)
                }
                other => other.clone(),
            };
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

/// Tokens stand apart when they are printed.
fn spaced(tokens: &str) -> String {
    let closed =
        [(" < ", "<"), (" >", ">"), ("< ", "<"), (" ,", ","), (" :: ", "::"), (" ;", ";"), ("& ", "&")];
    closed.iter().fold(tokens.to_owned(), |text, (apart, together)| text.replace(apart, together))
}
