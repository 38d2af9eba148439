//! The arguments: `repo = …, version = …, name = "…", crate = "…"`.

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::{LitInt, Path};

use super::model::Args;
use crate::args::{self, CRATE, CratePath, value};
use crate::mistakes::Mistakes;

const KEYS: &str = "the keys are `repo`, `version`, `name` and `crate`";
const REPO: &str = "`repo` takes the path of a repo, as in `repo = crate::Repo`";
const VERSION: &str = "`version` takes a number from 1 to 4294967295, as in `version = 1`";
const NAME: &str = "`name` takes a text, as in `name = \"transfer\"`";

/// Reads all arguments, whatever is wrong with some of them.
pub(super) fn parse(tokens: TokenStream, call_site: Span, mistakes: &mut Mistakes) -> Args {
    let mut args = Args::default();
    let seen = args::parse(tokens, KEYS, mistakes, |key, input, mistakes| {
        match key.to_string().as_str() {
            "repo" => args.repo = value(input, key, REPO, mistakes).map(|RepoPath(path)| path),
            "version" => args.version = value(input, key, VERSION, mistakes).map(|Version(version)| version),
            "name" => args.name = value(input, key, NAME, mistakes),
            "crate" => args.krate = value(input, key, CRATE, mistakes).map(|CratePath(path)| path),
            _ => return false,
        }
        true
    });
    for (key, missing) in [
        ("repo", "a procedure belongs to a repo: `#[procedure(repo = Repo, version = 1)]`"),
        (
            "version",
            "a procedure has a version, for nodes of two releases side by side: `#[procedure(repo = Repo, version = 1)]`",
        ),
    ] {
        if !seen.iter().any(|seen| seen == key) {
            mistakes.at(call_site, missing);
        }
    }
    args
}

struct RepoPath(Path);

impl Parse for RepoPath {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        input.call(Path::parse_mod_style).map(Self)
    }
}

struct Version(u32);

impl Parse for Version {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        match input.parse::<LitInt>()?.base10_parse()? {
            0 => Err(input.error(VERSION)),
            version => Ok(Self(version)),
        }
    }
}
