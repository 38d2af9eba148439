//! `#[litefs_repo]`: parse into a [`model`], [`check`] it, [`expand`] it.
//!
//! What it expands into is thin: everything that does something is a generic function of
//! `litefs-diesel`. Nothing in here opens a file, reads a setting or looks into a type.

mod args;
mod check;
mod expand;
mod model;
mod stub;

use proc_macro2::{Span, TokenStream};
use quote::quote;

use crate::mistakes::Mistakes;
use model::{Model, Target};

/// The attribute's arguments and item, and the derives that stand above it, as the item to put in
/// its place. `call_site` is where the attribute stands.
pub(crate) fn litefs_repo(
    args: TokenStream,
    item: TokenStream,
    derives_above: Vec<String>,
    call_site: Span,
) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let model = Model {
        args: args::parse(args, &mut mistakes),
        target: Target::parse(item),
        derives_above,
        call_site,
    };
    check::check(&model, &mut mistakes);
    match (mistakes.into_errors(), &model.target) {
        (None, Target::Struct(item)) => expand::expand(&model, item),
        (errors, target) => {
            let stub = stub::stub(&model, target);
            quote!(#errors #stub)
        }
    }
}

#[cfg(test)]
mod tests;
