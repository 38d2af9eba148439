//! Finds the derives that stand above an attribute, which the compiler does not hand to it.
//!
//! The compiler runs the macros among an item's attributes from top to bottom and takes each away before the
//! next: `#[derive(PartialEq)]` above `#[litefs_repo]` has compared the bare `struct Repo;`, and
//! nothing in our input tells. So this reads the source text above the attribute. Where there is
//! none to be had (code that a macro put together, an editor's unsaved buffer) it finds nothing: it
//! may overlook a derive, but never reports one that is not there.

use crate::scan::attributes_at_end_of;

/// The derives above the attribute that runs now, each as the user wrote it.
pub(crate) fn derives_above() -> Vec<String> {
    text_above().as_deref().map(derives_at_end_of).unwrap_or_default()
}

/// The source file from its start to the attribute that runs now.
fn text_above() -> Option<String> {
    let attribute = proc_macro::Span::call_site();
    let file = std::fs::read_to_string(attribute.local_file()?).ok()?;
    // Lines and columns count from 1, columns in characters.
    let line = file.split_inclusive('\n').take(attribute.line().checked_sub(1)?).map(str::len).sum::<usize>();
    let column =
        file[line..].chars().take(attribute.column().checked_sub(1)?).map(char::len_utf8).sum::<usize>();
    let (above, here) = file.split_at(line + column);
    here.starts_with(&attribute.source_text()?).then(|| above.to_owned())
}

fn derives_at_end_of(text: &str) -> Vec<String> {
    attributes_at_end_of(text)
        .into_iter()
        .filter(|attribute| is_derive(attribute))
        .map(str::to_owned)
        .collect()
}

fn is_derive(attribute: &str) -> bool {
    let mut words = words(attribute);
    match words.next() {
        Some("derive") => true,
        Some("cfg_attr") => words.any(|word| word == "derive"),
        _ => false,
    }
}

/// Whether one of `derives` names the trait.
pub(crate) fn names(derives: &[String], name: &str) -> bool {
    derives.iter().any(|derive| words(derive).any(|word| word == name))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, derives: &[&str]) {
        assert_eq!(derives_at_end_of(text), derives, "{text}");
    }

    #[test]
    fn a_derive_above_is_found_behind_comments_and_other_attributes() {
        check("#[derive(Clone)]\n", &["#[derive(Clone)]"]);
        check("use a::b;\n#[derive(A, b::C)] #[allow(x)]\n/// Docs.\n// #[x]\n", &["#[derive(A, b::C)]"]);
        check("#[derive(A)]\n#[doc = \"#[derive(B)]]\"]\n#[derive(C)]\n", &["#[derive(A)]", "#[derive(C)]"]);
        check("fn f() { let c = '\"'; #[derive(A)] /* \" /* */ ] */ ", &["#[derive(A)]"]);
        check("#[cfg_attr(test, derive(A))]\n", &["#[cfg_attr(test, derive(A))]"]);
    }

    #[test]
    fn what_only_looks_like_a_derive_above_is_not_reported() {
        for text in [
            "",
            "#[derive(A)]\nstruct Other;\n",
            "#[derive(A)]\n// c\nstruct Other;\n/// Docs.\n",
            "// #[derive(A)]\n",
            "/// #[derive(A)]\n",
            "/*\n#[derive(A)]\n*/\n",
            "/* /* */ #[derive(A)] */\n",
            "#[doc = \"#[derive(A)]\"]\n",
            "const T: &str = r##\"\"# #[derive(A)] \"##;\n",
            "const T: &str = \"\\\" #[derive(A)]\n\";\n",
            "fn f<'a>(a: &'a str) -> char { '\\'' }\n",
            "#[cfg_attr(test, allow(x))]\n",
            "#[derived]\n",
            "#[$meta]\n",
            "#[derive(unfinished",
        ] {
            check(text, &[]);
        }
    }

    #[test]
    fn a_trait_is_named_by_a_whole_word() {
        let derives = ["#[derive(std::clone::Clone, NotDebug)]".to_owned()];
        assert!(names(&derives, "Clone"));
        assert!(!names(&derives, "Debug"));
    }
}
