//! The arguments of an attribute: `key = value` or `key(…)`, each at most once, in any order.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitStr, Path, Token};

use crate::mistakes::Mistakes;

pub(crate) const CRATE: &str = "`crate` takes the path of litefs-diesel, as in `crate = \"litefs_diesel\"`";

/// Reads all arguments, whatever is wrong with some of them, and gives the keys that were there.
/// `argument` takes what stands behind a key, or says `false` to a key that it does not know;
/// `keys` tells the user which there are.
pub(crate) fn parse(
    tokens: TokenStream,
    keys: &str,
    mistakes: &mut Mistakes,
    mut argument: impl FnMut(&Ident, ParseStream<'_>, &mut Mistakes) -> bool,
) -> Vec<Ident> {
    let mut seen = Vec::new();
    let parser = |input: ParseStream<'_>| {
        while !input.is_empty() {
            match input.call(Ident::parse_any) {
                Err(_) => mistakes.at(input.span(), format_args!("expected `key = value`; {keys}")),
                Ok(key) if seen.contains(&key) => mistakes.on(&key, format_args!("`{key}` is given twice")),
                Ok(key) => {
                    if !argument(&key, input, mistakes) {
                        mistakes.on(&key, format_args!("unknown key `{key}`; {keys}"));
                    }
                    seen.push(key);
                }
            }
            // Whatever was not understood ends at the next comma.
            rest_of_argument(input);
            let _comma: Option<Token![,]> = input.parse()?;
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        mistakes.at(error.span(), error);
    }
    seen
}

/// `= value`, up to the next comma.
pub(crate) fn value<T: Parse>(
    input: ParseStream<'_>,
    key: &Ident,
    what: &str,
    mistakes: &mut Mistakes,
) -> Option<T> {
    let is = input.parse::<Token![=]>();
    if is.is_err() || at_end(input) {
        mistakes.on(key, what);
        return None;
    }
    let ahead = input.fork();
    match ahead.parse::<T>() {
        Ok(value) if at_end(&ahead) => {
            input.advance_to(&ahead);
            Some(value)
        }
        _ => {
            mistakes.on(rest_of_argument(input), what);
            None
        }
    }
}

/// What is left before the next comma.
pub(crate) fn rest_of_argument(input: ParseStream<'_>) -> TokenStream {
    let mut rest = TokenStream::new();
    while !at_end(input) {
        match input.parse::<TokenTree>() {
            Ok(token) => rest.extend([token]),
            Err(_) => break,
        }
    }
    rest
}

pub(crate) fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

/// A path, or a text that holds one.
pub(crate) struct CratePath(pub(crate) Path);

impl Parse for CratePath {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            input.parse::<LitStr>()?.parse_with(Path::parse_mod_style).map(Self)
        } else {
            input.call(Path::parse_mod_style).map(Self)
        }
    }
}
