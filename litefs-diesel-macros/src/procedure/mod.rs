//! `#[procedure]`: parse into a [`model`], [`check`] it, [`expand`] it.
//!
//! The function is never changed. Whether a type can travel is the compiler's to say: it is asked
//! at the place where the user wrote the type.

mod args;
mod borrowed;
mod check;
mod expand;
mod model;
mod stub;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ItemFn;

use crate::mistakes::Mistakes;
use model::Model;

/// The attribute's arguments and item, as what is to stand in its place. `call_site` is where the
/// attribute stands.
pub(crate) fn procedure(args: TokenStream, item: TokenStream, call_site: Span) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let args = args::parse(args, call_site, &mut mistakes);
    let Ok(function) = syn::parse2::<ItemFn>(item.clone()) else {
        mistakes.at(
            call_site,
            "`#[procedure]` goes on a function, as in `pub fn transfer(conn: &mut LocalConn, …)`",
        );
        let errors = mistakes.into_errors();
        return quote!(#errors #item);
    };
    let model = Model { args, function };
    check::check(&model, &mut mistakes);
    match mistakes.into_errors() {
        None => expand::expand(&model),
        Some(errors) => {
            let stub = stub::stub(&model);
            quote!(#errors #stub)
        }
    }
}

#[cfg(test)]
mod tests;
