//! Where the compiler points when it finds a mistake in what we wrote for the user.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::Path;
use syn::spanned::Spanned;

/// The place of `tokens`, for tokens of ours: it points at the user's, and names are resolved as in
/// all that we write.
pub(crate) fn at(tokens: impl Spanned) -> Span {
    tokens.span().resolved_at(Span::call_site())
}

/// The path of litefs-diesel: what `crate = …` says, or its own name.
pub(crate) fn krate(given: Option<&Path>) -> TokenStream {
    match given {
        Some(path) => path.to_token_stream(),
        None => quote!(::litefs_diesel),
    }
}

/// `tokens` as if they all stood at `span`: the compiler points from the first token to the last.
pub(crate) fn moved(tokens: TokenStream, span: Span) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), moved(group.stream(), span));
                inner.set_span(span);
                TokenTree::Group(inner)
            }
            mut token => {
                token.set_span(span);
                token
            }
        })
        .collect()
}
