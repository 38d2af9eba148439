//! The rules of the repository, as tests: what review would else have to look for each time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms of `litefs-diesel/src` and the layer each is on. A room imports those of lower layers.
const LAYERS: &[(&str, u8)] = &[
    ("bounded", 0),
    ("config", 0),
    ("counted", 0),
    ("logged", 0),
    ("error", 0),
    ("pauses", 0),
    ("position", 0),
    ("handover", 0),
    ("runtime", 0),
    ("shares", 0),
    ("shortened", 0),
    ("recent", 0),
    ("value", 0),
    ("allowed", 1),
    ("ledger", 1),
    ("litefs", 1),
    ("migrate", 1),
    ("request", 1),
    ("statement", 1),
    ("members", 2),
    ("reader", 2),
    ("rpc", 2),
    ("writer", 2),
    ("forward", 3),
    ("server", 3),
    ("connection", 4),
    ("repo", 5),
    ("node", 6),
];

/// What may be imported on one's own layer, and why.
const SIBLINGS: &[(&str, &str, &str)] = &[
    ("allowed", "statement", "it looks at statements"),
    ("config", "error", "loading settings fails as everything else does"),
    ("config", "position", "a check compares positions"),
    ("error", "config", "a node that cannot start says which setting"),
    ("error", "position", "a committed write is somewhere"),
    ("error", "shortened", "what a database said has words of whoever asked it"),
    ("members", "rpc", "what it keeps is what nodes say to each other"),
    ("ledger", "request", "its entries are results of requests"),
    ("ledger", "statement", "its fixed statements stay prepared"),
    ("migrate", "statement", "a migration is a text of statements"),
    ("request", "migrate", "a plan of migrations is a request"),
    ("request", "statement", "a request is made of statements"),
    ("shares", "error", "what is refused names its bound"),
    ("writer", "reader", "on the primary a read of a peer runs on the same pool"),
];

/// Lines of a source file, at most.
const LONGEST: usize = 400;

#[test]
fn every_room_imports_only_lower_layers() {
    let layer_of: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in files("litefs-diesel/src/", ".rs") {
        let within = path.trim_start_matches("litefs-diesel/src/");
        let room = within.split('/').next().unwrap_or(within).trim_end_matches(".rs");
        if room == "lib" || is_test(within) {
            continue;
        }
        let Some(layer) = layer_of.get(room) else {
            wrong.push(format!("{path}: the room {room} is not in this test's table"));
            continue;
        };
        for (number, line) in code(&text) {
            if line.contains("use crate::{") {
                wrong.push(format!("{path}:{number}: name each room on a line of its own"));
            }
            for other in line.split("crate::").skip(1).map(word) {
                let allowed = other == room
                    || SIBLINGS.iter().any(|(from, to, _)| (*from, *to) == (room, other))
                    // What is no room is a re-export of `lib.rs`, of plain types.
                    || layer_of.get(other).is_none_or(|lower| lower < layer);
                if !allowed {
                    wrong.push(format!("{path}:{number}: {room} (layer {layer}) imports {other}"));
                }
            }
        }
    }
    none(&wrong, "import a lower layer, or move the code");
}

#[test]
fn every_room_says_what_it_holds_and_what_it_never_does() {
    let wrong: Vec<_> = rooms()
        .filter(|(_, path)| path.ends_with("mod.rs"))
        .filter(|(_, path)| {
            let text = read(path);
            let docs: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
            docs.is_empty() || !docs.contains("never")
        })
        .map(|(_, path)| path)
        .collect();
    none(&wrong, "begin its mod.rs with `//!`: what the room holds, and what it never does");
}

#[test]
fn architecture_names_every_room_and_readme_every_crate() {
    let architecture = read("ARCHITECTURE.md");
    let readme = read("README.md");
    let mut wrong = Vec::new();
    for (room, path) in rooms() {
        let name = if path.ends_with("mod.rs") { format!("`{room}/`") } else { format!("`{room}.rs`") };
        if !architecture.contains(&name) {
            wrong.push(format!("ARCHITECTURE.md does not name {name}"));
        }
    }
    for member in members() {
        for (file, text) in [("README.md", &readme), ("ARCHITECTURE.md", &architecture)] {
            if !text.contains(&format!("`{member}")) {
                wrong.push(format!("{file} does not name `{member}`"));
            }
        }
    }
    none(&wrong, "describe it there");
}

#[test]
fn no_source_file_is_long() {
    let long = |(path, text): (String, String)| {
        let lines = text.lines().count();
        (lines > LONGEST).then(|| format!("{path} has {lines} lines"))
    };
    let wrong: Vec<_> = files("", ".rs").filter_map(long).collect();
    none(&wrong, "split it: one concept a file");
}

#[test]
fn the_changelog_has_the_version_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
    let changelog = read("CHANGELOG.md");
    assert!(
        changelog.lines().any(|line| line.starts_with(&format!("## [{version}]"))),
        "CHANGELOG.md has no section `## [{version}]`"
    );
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    assert!(read("Cargo.toml").contains("\nunsafe_code = \"forbid\"\n"));
    let wrong: Vec<_> = members()
        .filter(|member| !read(&format!("{member}/Cargo.toml")).contains("[lints]\nworkspace = true"))
        .collect();
    none(&wrong, "write `[lints]` and `workspace = true` into its Cargo.toml");
}

/// Crates come from where Cargo gets them by itself, so that a clone builds anywhere.
#[test]
fn no_other_registry_is_named() {
    let mut wrong: Vec<_> = files("Cargo.lock", "").flat_map(|(_, text)| sources(&text)).collect();
    wrong.sort();
    wrong.dedup();
    // One registry, which is Cargo's own where no manifest names another.
    if wrong.len() == 1 {
        wrong.retain(|source| !source.starts_with("registry+"));
    }
    for (path, text) in files("", ".toml") {
        if path.contains(".cargo/") || text.contains("replace-with") || text.contains("[source") {
            wrong.push(path);
        }
    }
    none(&wrong, "keep it in the configuration of your own machine");
}

#[test]
fn no_file_knows_the_machine_that_wrote_it() {
    // In two parts, so that this file is not the one that is found.
    let folders = ["home/", "root/", "Users/", "work/", "tmp/"].map(|folder| format!("/{folder}"));
    let mut wrong = Vec::new();
    for (path, text) in files("", "").filter(|(path, _)| !path.ends_with(".sum")) {
        for (number, line) in (1..).zip(text.lines()) {
            let absolute = |folder: &String| {
                let starts =
                    |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "}._-~)".contains(c));
                line.match_indices(folder.as_str()).any(|(at, _)| starts(at))
            };
            if folders.iter().any(absolute) {
                wrong.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    none(&wrong, "name no path of a machine");
}

/// `tests/run` runs what is ignored because it needs LiteFS, and tells what measures by its name.
#[test]
fn every_ignored_test_needs_litefs_or_measures() {
    let mut wrong = Vec::new();
    for (path, text) in files("", ".rs").filter(|(path, _)| !path.ends_with("tidy.rs")) {
        for (at, _) in text.match_indices("#[ignore") {
            let (reason, rest) = text[at..].split_once(']').unwrap_or_default();
            let name = rest.split_once("fn ").map(|(_, rest)| word(rest)).unwrap_or_default();
            let measures = reason.starts_with("#[ignore = \"measures: ") && name.starts_with("measured_");
            if reason != "#[ignore = \"needs LiteFS: tests/run\"" && !measures {
                wrong.push(format!("{path}: {name}: {reason}]"));
            }
        }
    }
    none(
        &wrong,
        "write `#[ignore = \"needs LiteFS: tests/run\"]`, or `\"measures: …\"` and a name that begins with measured_",
    );
}

#[test]
fn the_guide_names_every_setting() {
    let guide = read("docs/guide/settings.md");
    let schema = read("litefs-diesel/src/config/schema.rs");
    let keys = schema
        .split("&[&str] =")
        .skip(1)
        .filter_map(|rest| rest.split_once("];"))
        .flat_map(|(keys, _)| keys.split('"').skip(1).step_by(2));
    let keys: Vec<_> = keys.collect();
    assert!(keys.len() > 15, "the keys were not found in config/schema.rs: {keys:?}");
    let wrong: Vec<_> = keys.into_iter().filter(|key| !guide.contains(&format!("| `{key}` |"))).collect();
    none(&wrong, "describe it in docs/guide/settings.md");
}

#[test]
fn the_guide_names_every_reason_of_a_refusal() {
    let (reasons, guide) = (read("litefs-diesel/src/server/reason.rs"), read("docs/guide/identity.md"));
    let table = reasons.split("\nreasons! {").nth(1).unwrap().split("\n}").next().unwrap();
    let labels = table.lines().filter_map(|line| line.split(" = \"").nth(1)?.split('"').next());
    let (named, missing): (Vec<_>, Vec<_>) = labels.partition(|label| guide.contains(&format!("`{label}`")));
    assert!(named.len() > 30, "the table has another form by now: {named:?}");
    none(&missing, "docs/guide/identity.md lists them under what a node refuses");
}

#[test]
fn every_link_of_the_docs_leads_somewhere() {
    let mut wrong = Vec::new();
    for (path, text) in files("", ".md") {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next()) {
            let folder = Path::new(&path).parent().unwrap();
            if !link.is_empty() && !link.contains("://") && !root().join(folder).join(link).exists() {
                wrong.push(format!("{path}: {link}"));
            }
        }
    }
    none(&wrong, "mend the link");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files of the repository, tracked or about to be, that begin and end so; not those that are
/// no text.
fn files(begin: &str, end: &str) -> impl Iterator<Item = (String, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is needed");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let listed = String::from_utf8(listed.stdout).unwrap();
    let paths: Vec<_> = listed
        .split_terminator('\0')
        .filter(|path| path.starts_with(begin) && path.ends_with(end))
        .map(str::to_owned)
        .collect();
    assert!(!paths.is_empty(), "no file begins with {begin:?} and ends with {end:?}");
    paths.into_iter().filter_map(|path| Some((path.clone(), fs::read_to_string(root().join(path)).ok()?)))
}

/// The rooms: folders with a `mod.rs`, and files beside `lib.rs`.
fn rooms() -> impl Iterator<Item = (String, String)> {
    files("litefs-diesel/src/", ".rs").filter_map(|(path, _)| {
        let within = path.trim_start_matches("litefs-diesel/src/");
        let room = match within.split_once('/') {
            Some((room, "mod.rs")) => room.to_owned(),
            None if within != "lib.rs" => within.trim_end_matches(".rs").to_owned(),
            _ => return None,
        };
        Some((room, path))
    })
}

fn members() -> impl Iterator<Item = String> {
    let manifest = read("Cargo.toml");
    let members = manifest.split_once("members = [").unwrap().1.split_once(']').unwrap().0.to_owned();
    let members: Vec<_> = members.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    members.into_iter()
}

/// Whether a file of a room is for its tests alone.
fn is_test(within: &str) -> bool {
    within.contains("/tests/") || within.ends_with("tests.rs") || within.ends_with("/testing.rs")
}

/// The lines of a file that are neither comments nor its tests, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    (1..).zip(text[..tests].lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The identifier at the beginning.
fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

fn sources(lock: &str) -> Vec<String> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .map(|s| s.trim_matches('"').to_owned())
        .collect()
}

fn none(wrong: &[impl AsRef<str>], next: &str) {
    let list: Vec<_> = wrong.iter().map(AsRef::as_ref).collect();
    assert!(list.is_empty(), "{next}:\n  {}", list.join("\n  "));
}
