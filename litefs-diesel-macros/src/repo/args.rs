//! The arguments: `local = …, name = "…", crate = "…"`, each at most once, in any order.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Ident, LitStr, Path, Token, Type};

use super::model::Args;
use crate::mistakes::Mistakes;

const KEYS: &str = "the keys are `local`, `name` and `crate`";
const LOCAL: &str = "`local` takes a connection type, as in `local = SqliteConnection`";
const NAME: &str = "`name` takes a text, as in `name = \"Repo\"`";
const CRATE: &str = "`crate` takes the path of litefs-diesel, as in `crate = \"litefs_diesel\"`";

/// Reads all arguments, whatever is wrong with some of them.
pub(super) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Args {
    let mut args = Args::default();
    let parser = |input: ParseStream<'_>| {
        let mut seen = Vec::new();
        while !input.is_empty() {
            argument(input, &mut args, &mut seen, mistakes);
            // Whatever was not understood ends at the next comma.
            rest_of_argument(input);
            let _comma: Option<Token![,]> = input.parse()?;
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        mistakes.at(error.span(), error);
    }
    args
}

fn argument(input: ParseStream<'_>, args: &mut Args, seen: &mut Vec<Ident>, mistakes: &mut Mistakes) {
    let Ok(key) = input.call(Ident::parse_any) else {
        return mistakes.at(input.span(), format_args!("expected `key = value`; {KEYS}"));
    };
    if seen.contains(&key) {
        return mistakes.on(&key, format_args!("`{key}` is given twice"));
    }
    match key.to_string().as_str() {
        "local" => args.local = value(input, &key, LOCAL, mistakes).map(|LocalType(local)| local),
        "name" => args.name = value(input, &key, NAME, mistakes),
        "crate" => args.krate = value(input, &key, CRATE, mistakes).map(|CratePath(path)| path),
        "procedures" => mistakes.on(&key, "`procedures` is not in this version of litefs-diesel"),
        _ => mistakes.on(&key, format_args!("unknown key `{key}`; {KEYS}")),
    }
    seen.push(key);
}

/// `= value`, up to the next comma.
fn value<T: Parse>(input: ParseStream<'_>, key: &Ident, what: &str, mistakes: &mut Mistakes) -> Option<T> {
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

fn at_end(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,])
}

fn rest_of_argument(input: ParseStream<'_>) -> TokenStream {
    let mut rest = TokenStream::new();
    while !at_end(input) {
        match input.parse::<TokenTree>() {
            Ok(token) => rest.extend([token]),
            Err(_) => break,
        }
    }
    rest
}

/// A type that stands for itself: nothing to infer, and no borrow, which a repo could not keep.
struct LocalType(Type);

impl Parse for LocalType {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        match input.parse()? {
            Type::Infer(_) | Type::ImplTrait(_) | Type::Reference(_) | Type::Verbatim(_) => {
                Err(input.error(LOCAL))
            }
            local => Ok(Self(local)),
        }
    }
}

/// A path, or a text that holds one.
struct CratePath(Path);

impl Parse for CratePath {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            input.parse::<LitStr>()?.parse_with(Path::parse_mod_style).map(Self)
        } else {
            input.call(Path::parse_mod_style).map(Self)
        }
    }
}
