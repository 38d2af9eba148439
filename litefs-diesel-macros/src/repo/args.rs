//! The arguments: `local = …, name = "…", crate = "…", procedures(…)`.

use proc_macro2::{Delimiter, Group, TokenStream};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Ident, Path, Token, Type};

use super::model::Args;
use crate::args::{self, CRATE, CratePath, rest_of_argument, value};
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
    let what = rest_of_argument(input);
    let parser = Punctuated::<ProcedurePath, Token![,]>::parse_terminated;
    match syn::parse2::<Group>(what.clone()) {
        Ok(list) if list.delimiter() == Delimiter::Parenthesis => match parser.parse2(list.stream()) {
            Ok(paths) => return paths.into_iter().map(|ProcedurePath(path)| path).collect(),
            Err(error) => mistakes.at(error.span(), PROCEDURES),
        },
        _ if what.is_empty() => mistakes.on(key, PROCEDURES),
        _ => mistakes.on(what, PROCEDURES),
    }
    Vec::new()
}

/// A path without arguments.
struct ProcedurePath(Path);

impl Parse for ProcedurePath {
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
