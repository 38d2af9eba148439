//! What is wrong with a [`Model`], each mistake on its own, at the user's own span.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Fields, GenericParam, Generics, Item, ItemStruct, LitStr, Path};

use super::model::{Model, Target, is_litefs_repo};
use crate::mistakes::Mistakes;

pub(super) fn check(model: &Model, mistakes: &mut Mistakes) {
    if let Some(name) = &model.args.name {
        settings_name(name, mistakes);
    }
    listed_twice(&model.args.procedures, mistakes);
    derives_above(model, mistakes);
    match &model.target {
        Target::Struct(item) => structure(item, mistakes),
        Target::Item(item) => mistakes.on(keyword(item), NOT_A_STRUCT),
        Target::Unread(item) => mistakes.on(item, NOT_A_STRUCT),
    }
}

const NOT_A_STRUCT: &str = "`#[litefs_repo]` goes on a struct without fields, as in `pub struct Repo;`";

/// A name is a key of the settings file and a part of an environment variable's name.
fn settings_name(name: &LitStr, mistakes: &mut Mistakes) {
    let value = name.value();
    if value.is_empty() || value.contains(|c: char| !c.is_alphanumeric() && c != '_' && c != '-') {
        mistakes.on(
            name,
            "the name is the key of the table `[repo.NAME]` in the settings: it takes letters, digits, `_` and `-`, and at least one",
        );
    }
}

/// Two paths to one procedure are the compiler's to find.
fn listed_twice(procedures: &[Path], mistakes: &mut Mistakes) {
    for (index, path) in procedures.iter().enumerate() {
        if procedures[..index].contains(path) {
            mistakes.on(path, "this procedure is listed twice");
        }
    }
}

fn derives_above(model: &Model, mistakes: &mut Mistakes) {
    for derive in &model.derives_above {
        mistakes.at(
            model.call_site,
            format_args!(
                "`{derive}` above `#[litefs_repo]` has seen another struct, without the handle: put it below"
            ),
        );
    }
}

fn structure(item: &ItemStruct, mistakes: &mut Mistakes) {
    for again in item.attrs.iter().filter(|attr| is_litefs_repo(attr)) {
        mistakes.on(again, "`#[litefs_repo]` is given twice");
    }
    if let Fields::Named(_) | Fields::Unnamed(_) = &item.fields {
        mistakes.on(
            &item.fields,
            "a repo has no fields of your own: write `struct Repo;`, and put state into a struct that holds the repo",
        );
    }
    generics(&item.generics, mistakes);
}

/// One message for all parameters, and one for the conditions.
fn generics(generics: &Generics, mistakes: &mut Mistakes) {
    let what = match generics.params.first() {
        None => None,
        Some(GenericParam::Lifetime(_)) => Some("lifetimes"),
        Some(GenericParam::Type(_) | GenericParam::Const(_)) => Some("generic parameters"),
    };
    if let Some(what) = what {
        mistakes.on(
            &generics.params,
            format_args!("a repo is one database, and has no {what}: declare one struct for each"),
        );
    }
    if let Some(conditions) = &generics.where_clause {
        mistakes.on(conditions, "a repo has no parameters, and so no `where`");
    }
}

/// The token that says what an item is.
fn keyword(item: &Item) -> TokenStream {
    match item {
        Item::Enum(item) => item.enum_token.to_token_stream(),
        Item::Union(item) => item.union_token.to_token_stream(),
        Item::Fn(item) => item.sig.fn_token.to_token_stream(),
        Item::Trait(item) => item.trait_token.to_token_stream(),
        Item::Impl(item) => item.impl_token.to_token_stream(),
        Item::Type(item) => item.type_token.to_token_stream(),
        Item::Mod(item) => item.mod_token.to_token_stream(),
        other => other.to_token_stream(),
    }
}
