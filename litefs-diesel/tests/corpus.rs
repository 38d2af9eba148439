//! The corpus of the fuzz targets, replayed: what once was of interest does no harm today either.

use std::path::Path;

use litefs_diesel::__fuzz as fuzz;

/// A target, and what it feeds its bytes to.
type Target = (&'static str, fn(&[u8]));

/// The targets, as they are called in `fuzz/fuzz_targets`.
const TARGETS: [Target; 11] = [
    ("control_answer", fuzz::control_answer),
    ("control_ask", fuzz::control_ask),
    ("data_reply", fuzz::data_reply),
    ("data_request", fuzz::data_request),
    ("events", fuzz::events),
    ("frames", fuzz::frames),
    ("hello", fuzz::hello),
    ("info", fuzz::info),
    ("position", fuzz::position),
    ("primary", fuzz::primary),
    ("settings", fuzz::settings),
];

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_corpus_of_every_fuzz_target_is_replayed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("fuzz");
    let ours: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let targets: Vec<_> = names(&fuzz.join("fuzz_targets"))
        .iter()
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .collect();
    assert_eq!(
        (&targets, &names(&fuzz.join("corpus"))),
        (&ours, &ours),
        "each target has a file and a corpus"
    );
    for (target, run) in TARGETS {
        let corpus = fuzz.join("corpus").join(target);
        let inputs = names(&corpus);
        assert!(!inputs.is_empty(), "the corpus of {target} is empty");
        for input in inputs {
            let bytes = std::fs::read(corpus.join(&input)).unwrap();
            assert!(std::panic::catch_unwind(|| run(&bytes)).is_ok(), "{target}: {input}");
        }
    }
}
