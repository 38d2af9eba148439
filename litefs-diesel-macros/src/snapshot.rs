//! Compares an expansion with the file that has it; `BLESS=1 cargo test` writes the files anew.

use std::path::Path;

use proc_macro2::TokenStream;

/// `name` is a file in `snapshots/` of the room `room`.
#[track_caller]
pub(crate) fn check(
    room: &str,
    name: &str,
    args: &str,
    item: &str,
    expand: impl FnOnce(TokenStream, TokenStream) -> TokenStream,
) {
    let args = args.parse().expect("the arguments are Rust tokens");
    let item = item.parse().expect("the item is Rust tokens");
    let file = syn::parse2(expand(args, item)).expect("the expansion is Rust items");
    let expansion = prettyplease::unparse(&file);

    let snapshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room).join("snapshots");
    let path = snapshots.join(name).with_extension("rs");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &expansion).expect("the snapshot can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(expansion, expected, "{} differs; `BLESS=1` accepts it", path.display());
}
