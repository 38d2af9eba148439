//! The arguments: `local = …, name = "…", crate = "…", procedures(…)`.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, Path, Token, Type, parenthesized, token};

use super::model::Args;
use crate::args::{self, CRATE, CratePath, at_end, rest_of_argument, value};
use crate::mistakes::Mistakes;

const KEYS: &str = "the keys are `local`, `name`, `crate` and `procedures`";
const LOCAL: &str = "`local` takes a connection type, as in `local = SqliteConnection`";
const NAME: &str = "`name` takes a text, as in `name = \"Repo\"`";
const PROCEDURES: &str =
    "`procedures` takes the paths of functions that have `#[procedure]`, as in `procedures(bank::transfer)`";

/// Reads all arguments, whatever is wrong with some of them.
pub(super) fn parse(tokens: TokenStream, mistakes: &mut Mistakes) -> Args {
    let mut args = Args::default();
    args::parse(tokens, KEYS, mistakes, |key, input, mistakes| {
        match key.to_string().as_str() {
            "local" => args.local = value(input, key, LOCAL, mistakes).map(|LocalType(local)| local),
            "name" => args.name = value(input, key, NAME, mistakes),
            "crate" => args.krate = value(input, key, CRATE, mistakes).map(|CratePath(path)| path),
            "procedures" => args.procedures = procedures(input, key, mistakes),
            _ => return false,
        }
        true
    });
    args
}

/// `(path, path)`
fn procedures(input: ParseStream<'_>, key: &Ident, mistakes: &mut Mistakes) -> Vec<Path> {
    let list = |input: ParseStream<'_>| {
        let content;
        parenthesized!(content in input);
        content.call(Punctuated::<TypePath, Token![,]>::parse_terminated)
    };
    if !input.peek(token::Paren) {
        match rest_of_argument(input) {
            rest if rest.is_empty() => mistakes.on(key, PROCEDURES),
            rest => mistakes.on(rest, PROCEDURES),
        }
        return Vec::new();
    }
    match list(input) {
        Ok(paths) if at_end(input) => paths.into_iter().map(|TypePath(path)| path).collect(),
        Ok(_) => {
            mistakes.on(rest_of_argument(input), PROCEDURES);
            Vec::new()
        }
        Err(error) => {
            mistakes.at(error.span(), PROCEDURES);
            Vec::new()
        }
    }
}

/// A path without arguments.
struct TypePath(Path);

impl Parse for TypePath {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.call(Path::parse_mod_style).map(Self)
    }
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
