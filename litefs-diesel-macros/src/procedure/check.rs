//! What is wrong with a [`Model`], each mistake on its own, at the user's own span.

use syn::ext::IdentExt;
use syn::{FnArg, GenericParam, Generics, LitStr, Pat, PatIdent, Signature, Type, TypeReference, Visibility};

use super::borrowed::{self, Found};
use super::model::{Argument, Model, is_procedure};
use crate::mistakes::Mistakes;

const CONNECTION: &str = "the first argument of a procedure is the connection, as in `conn: &mut SqliteConnection`: `&mut` the type that its repo names as `local`";
const RESULT: &str =
    "a procedure returns a `Result<T, E>`: `Ok` commits what it did, and `Err` rolls it back";
const IMPL_TRAIT: &str =
    "the bytes that travel do not say of which type they are: name one instead of `impl`";

/// As many as serde's tuples have.
const MOST: usize = 16;

pub(super) fn check(model: &Model, mistakes: &mut Mistakes) {
    let sig = &model.function.sig;
    if let Some(name) = &model.args.name {
        name_of(name, mistakes);
    }
    given_twice(model, mistakes);
    if let Visibility::Inherited = model.function.vis {
        mistakes.on(
            sig.fn_token,
            "a procedure is called from wherever its repo is: write `pub fn`, or `pub(crate) fn`",
        );
    }
    plain(sig, mistakes);
    method_of_its_name(model, mistakes);
    inputs(model, mistakes);
    // What its types are is then no mistake of its own.
    if sig.generics.params.is_empty() && sig.receiver().is_none() {
        model.arguments().iter().for_each(|argument| typed(argument, mistakes));
        output(model, mistakes);
    }
}

fn name_of(name: &LitStr, mistakes: &mut Mistakes) {
    let value = name.value();
    if value.is_empty() || value.contains(|c: char| !c.is_alphanumeric() && !"_-.".contains(c)) {
        mistakes
            .on(name, "the name of a procedure takes letters, digits, `_`, `-` and `.`, and at least one");
    }
}

fn given_twice(model: &Model, mistakes: &mut Mistakes) {
    for again in model.function.attrs.iter().filter(|attr| is_procedure(attr)) {
        mistakes.on(again, "`#[procedure]` is given twice");
    }
}

fn plain(sig: &Signature, mistakes: &mut Mistakes) {
    if let Some(token) = &sig.asyncness {
        mistakes
            .on(token, "a procedure holds the database's only writer, and waits for nothing: a plain `fn`");
    }
    if let Some(token) = &sig.unsafety {
        mistakes.on(token, "a procedure is called with what any node sends: it cannot be `unsafe`");
    }
    generics(&sig.generics, mistakes);
}

/// One message for all parameters, and one for the conditions.
fn generics(generics: &Generics, mistakes: &mut Mistakes) {
    match generics.params.first() {
        None => {}
        Some(GenericParam::Lifetime(_)) => mistakes.on(
            &generics.params,
            "what a procedure takes and gives outlives no call, and it has no lifetimes: write `&str` or an owned type",
        ),
        Some(GenericParam::Type(_) | GenericParam::Const(_)) => mistakes.on(
            &generics.params,
            "a procedure is one function, which nodes know by its name: it has no generic parameters",
        ),
    }
    if let Some(conditions) = &generics.where_clause {
        mistakes.on(conditions, "a procedure has no parameters, and so no `where`");
    }
}

/// The repo gets a method of the function's name.
fn method_of_its_name(model: &Model, mistakes: &mut Mistakes) {
    if model.is_named_as_the_repos_own() {
        let name = model.ident().unraw();
        mistakes.on(
            model.ident(),
            format_args!("a repo has a function `{name}` of its own: call this one otherwise; `name = \"{name}\"` keeps the name for other nodes"),
        );
    }
}

fn inputs(model: &Model, mistakes: &mut Mistakes) {
    let sig = &model.function.sig;
    match sig.inputs.first() {
        None => mistakes.at(sig.paren_token.span.join(), CONNECTION),
        Some(FnArg::Receiver(receiver)) => {
            mistakes.on(receiver, "a procedure is a function by itself, and has no `self`");
        }
        Some(FnArg::Typed(first)) => match &*first.ty {
            Type::Reference(TypeReference { mutability: Some(_), .. }) => {}
            other => mistakes.on(other, CONNECTION),
        },
    }
    let arguments = model.arguments();
    for argument in &arguments {
        match argument.pattern {
            Pat::Ident(PatIdent { by_ref: None, subpat: None, .. }) => {}
            other => mistakes
                .on(other, "an argument of a procedure has a name, which its callers read, and no pattern"),
        }
    }
    if let Some(Argument { pattern, .. }) = arguments.get(MOST) {
        mistakes
            .on(pattern, format_args!("a procedure takes {MOST} arguments at most: put them into a struct"));
    }
}

fn typed(Argument { ty, .. }: &Argument<'_>, mistakes: &mut Mistakes) {
    let inner = match ty {
        Type::Reference(TypeReference { mutability: Some(_), .. }) => {
            let owned = borrowed::owning(ty);
            return mistakes.on(
                ty,
                format_args!("what it changed would stay on the primary: take a `{owned}`, and return what its caller is to have"),
            );
        }
        // It is owned on the way, and borrowed again on the primary.
        Type::Reference(TypeReference { lifetime: Some(lifetime), .. }) if lifetime.ident != "_" => {
            return mistakes.on(lifetime, "it is there for the time of the call: leave the lifetime out");
        }
        Type::Reference(reference) => &*reference.elem,
        other => other,
    };
    match borrowed::find(inner) {
        None => {}
        Some(Found::Reference) => {
            let owned = borrowed::owning(ty);
            mistakes.on(ty, format_args!("what is borrowed within a type cannot travel: use `{owned}`"));
        }
        Some(Found::Lifetime) => {
            mistakes.on(ty, "what is borrowed within a type cannot travel: use one that owns what it holds, without a lifetime");
        }
        Some(Found::ImplTrait) => mistakes.on(ty, IMPL_TRAIT),
    }
}

fn output(model: &Model, mistakes: &mut Mistakes) {
    let Some(ty) = model.output() else {
        return mistakes.on(model.ident(), RESULT);
    };
    if is_surely_no_result(ty) {
        return mistakes.on(ty, RESULT);
    }
    match borrowed::find(ty) {
        None => {}
        Some(Found::Reference) => {
            let owned = borrowed::owning(ty);
            mistakes.on(
                ty,
                format_args!("what a procedure returns travels, and cannot be borrowed: use `{owned}`"),
            );
        }
        Some(Found::Lifetime) => {
            mistakes.on(
                ty,
                "what a procedure returns travels, and cannot be borrowed: use a type without a lifetime",
            );
        }
        Some(Found::ImplTrait) => mistakes.on(ty, IMPL_TRAIT),
    }
}

/// The compiler knows better, and says more: so only what is no alias of anybody's.
pub(super) fn is_surely_no_result(ty: &Type) -> bool {
    let known = [
        "bool", "char", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128",
        "usize", "f32", "f64", "String", "Option", "Vec", "Box",
    ];
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| known.iter().any(|known| last.ident == known))
        }
        Type::Tuple(_) | Type::Array(_) | Type::Never(_) => true,
        _ => false,
    }
}
