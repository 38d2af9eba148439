//! The helper that runs application nodes as processes: what the contract tests rely on.

use std::time::Duration;

use litefs_diesel_tests::app::{AppError, AppProcess, AppSpec};
use litefs_diesel_tests::contract::NodeSettings;
use serde_json::{Value, json};

fn start(dir: &tempfile::TempDir) -> AppProcess {
    let settings = NodeSettings::alone(dir.path().join("app.db"));
    let settings = serde_json::to_string(&settings).unwrap();
    AppProcess::start(AppSpec {
        binary: env!("CARGO_BIN_EXE_app_node").into(),
        args: vec![settings.into()],
        envs: Vec::new(),
        log: dir.path().join("app.log"),
    })
    .unwrap()
}

#[test]
fn an_application_answers_many_threads_and_refuses_what_it_does_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let app = start(&dir);
    std::thread::scope(|scope| {
        for caller in 0..8 {
            let app = &app;
            scope.spawn(move || {
                let answer: Value = app.call("ping", json!({ "caller": caller })).unwrap();
                assert_eq!(answer["args"]["caller"], caller);
            });
        }
    });
    assert!(matches!(app.call::<Value>("pong", ()), Err(AppError::Refused(_))));
}

#[test]
fn an_application_is_stopped_killed_and_started_again() {
    let dir = tempfile::tempdir().unwrap();
    let app = start(&dir);
    let pid = app.pid();
    app.restart().unwrap();
    assert_ne!(app.pid(), pid);
    app.kill().unwrap();
    assert!(matches!(app.call::<Value>("ping", ()), Err(AppError::Gone(_))));
    app.start_again().unwrap();
    let answer: Value = app.call("ping", ()).unwrap();
    assert_eq!(answer["pid"].as_u64(), app.pid().map(u64::from));
}

#[test]
fn a_call_has_a_deadline_and_the_application_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let app = start(&dir);
    let late = app.call_within::<Value>(Duration::ZERO, "ping", ());
    assert!(matches!(late, Err(AppError::Deadline(_)) | Ok(_)), "{late:?}");
    app.call::<Value>("ping", ()).unwrap();
}
