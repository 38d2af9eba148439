//! A repo's name as the name of a folder, as Elixir's `Macro.underscore` makes it, on ASCII.

/// `MyRepo` is `my_repo`, `SAPExample` is `sap_example`, `Shop.Repo` is `shop/repo`.
///
/// ```text
/// Foo10Bar  foo10_bar
/// Foo_Bar   foo__bar
/// IPv6Repo  i_pv6_repo
/// ```
pub(super) fn underscore(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut folder = String::with_capacity(name.len() + 4);
    // `None` at the beginning, and after a `.`, with which everything begins anew.
    let mut before: Option<char> = None;
    let mut at = 0;
    while let Some(&here) = chars.get(at) {
        at += 1;
        let Some(previous) = before else {
            folder.push(here.to_ascii_lowercase());
            before = Some(here);
            continue;
        };
        let next = chars.get(at).copied();
        match next {
            Some(next) if here.is_ascii_uppercase() && begins_a_word(next) => {
                folder.extend(['_', here.to_ascii_lowercase(), next]);
                before = Some(next);
                at += 1;
            }
            _ if here.is_ascii_uppercase() && !previous.is_ascii_uppercase() && previous != '_' => {
                folder.extend(['_', here.to_ascii_lowercase()]);
                before = Some(here);
            }
            _ if here == '.' => {
                folder.push('/');
                before = None;
            }
            _ => {
                folder.push(here.to_ascii_lowercase());
                before = Some(here);
            }
        }
    }
    folder
}

/// The last part of a name, where modules are before it: `shop::Repo`, `Shop.Repo`.
pub(super) fn last_name(name: &str) -> &str {
    let last = name.rsplit_once("::").map_or(name, |(_, last)| last);
    last.rsplit_once('.').map_or(last, |(_, last)| last)
}

/// Whether a capital before this one is the first of a word.
fn begins_a_word(next: char) -> bool {
    !(next.is_ascii_uppercase() || next.is_ascii_digit() || next == '.' || next == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_underscored_as_elixir_does_it() {
        for (name, folder) in [
            ("Repo", "repo"),
            ("MyRepo", "my_repo"),
            ("SAPExample", "sap_example"),
            ("HTTPServer", "http_server"),
            ("FooBAR10", "foo_bar10"),
            ("Foo10Bar", "foo10_bar"),
            ("A1B2", "a1_b2"),
            ("Foo_Bar", "foo__bar"),
            ("FOO_BAR", "foo_bar"),
            ("IPv6Repo", "i_pv6_repo"),
            // Elixir's own tests.
            ("foo", "foo"),
            ("foo_bar", "foo_bar"),
            ("Foo", "foo"),
            ("FooBar", "foo_bar"),
            ("FOOBar", "foo_bar"),
            ("FooBAR", "foo_bar"),
            ("FOO_BAR", "foo_bar"),
            ("FoBaZa", "fo_ba_za"),
            ("Foo10", "foo10"),
            ("FOO10", "foo10"),
            ("10Foo", "10_foo"),
            ("FooBar10", "foo_bar10"),
            ("Foo10BAR", "foo10_bar"),
            ("Foo.Bar", "foo/bar"),
            ("Foo.Bar.BAZ10", "foo/bar/baz10"),
            ("API.V1.User", "api/v1/user"),
            ("", ""),
            // What is not ASCII stays.
            ("ÄrgerRepo", "Ärger_repo"),
            ("RepoÄB", "repoÄ_b"),
        ] {
            assert_eq!(underscore(name), folder, "{name}");
        }
    }

    #[test]
    fn modules_before_a_name_are_left_out() {
        for (name, last) in [("shop::db::Repo", "Repo"), ("Shop.Repo", "Repo"), ("Repo", "Repo")] {
            assert_eq!(last_name(name), last);
        }
    }
}
