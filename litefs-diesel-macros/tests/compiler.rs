//! The macros as the compiler sees them: what is in `<macro>/pass/` compiles and runs, and each file
//! in `<macro>/fail/` is one mistake, with the compiler's own words beside it. `TRYBUILD=overwrite`
//! writes them anew.

use std::fs;
use std::path::{Path, PathBuf};

const MACROS: [&str; 2] = ["litefs_repo", "procedure"];

#[test]
fn what_is_right_compiles_and_what_is_wrong_is_told_at_its_place() {
    let cases = trybuild::TestCases::new();
    for name in MACROS {
        cases.pass(format!("tests/{name}/pass/*.rs"));
        cases.compile_fail(format!("tests/{name}/fail/*.rs"));
    }
}

/// Counts in the files: that they are what the compiler says is the other test's.
#[test]
fn one_mistake_is_one_message() {
    for case in cases("fail", "rs") {
        let stderr = fs::read_to_string(case.with_extension("stderr")).unwrap_or_default();
        let errors: Vec<_> = stderr
            .lines()
            .filter(|line| line.starts_with("error") && !line.starts_with("error: could not compile"))
            .collect();
        assert_eq!(errors.len(), 1, "{}: {errors:#?}", case.display());
    }
}

#[test]
fn no_message_is_without_its_case() {
    for stderr in cases("fail", "stderr") {
        assert!(stderr.with_extension("rs").exists(), "{} has no case", stderr.display());
    }
}

fn cases(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut cases = Vec::new();
    for name in MACROS {
        let before = cases.len();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name).join(folder);
        let entries = fs::read_dir(&folder).expect("the cases are there");
        let paths = entries.map(|entry| entry.expect("the folder can be read").path());
        cases.extend(paths.filter(|path| path.extension().is_some_and(|found| found == extension)));
        assert!(cases.len() > before, "no case in {}", folder.display());
    }
    cases
}
