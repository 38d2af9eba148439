//! A misuse of types gives one message, and a Diesel user can read it.

use std::fs;
use std::path::Path;

#[test]
fn each_mistake_has_its_message() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

#[test]
fn each_mistake_has_one_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut cases = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "stderr") {
            cases += 1;
            let said = fs::read_to_string(&path).unwrap();
            let errors = said.lines().filter(|line| line.starts_with("error")).count();
            assert_eq!(errors, 1, "{}", path.display());
        }
    }
    assert!(cases > 0);
}
