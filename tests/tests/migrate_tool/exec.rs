//! The migrations tool as a step of LiteFS's own `exec:` list, before the application starts.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use litefs_diesel_tests::contract::{Site, Tool};
use litefs_diesel_tests::wait::{self, PATIENCE};
use serde_json::{Value, json};

const APP: &str = env!("CARGO_BIN_EXE_app_node");
const TOOL: &str = env!("CARGO_BIN_EXE_migrate");

/// An application that LiteFS starts: what it is asked goes through a pipe with a name.
struct Started {
    asked: PathBuf,
    answers: PathBuf,
}

impl Started {
    /// The program to start for a node.
    fn script(site: &Site, node: usize) -> (Self, String) {
        let file = |name: &str| site.cluster.dir().join(format!("exec-{node}.{name}"));
        let (asked, answers, script, log) = (file("asked"), file("answers"), file("sh"), file("log"));
        let settings = serde_json::to_string(&site.settings(node)).unwrap();
        let text = format!(
            "#!/bin/sh\nset -e\n[ -p {asked} ] || mkfifo {asked}\nexec {APP} '{settings}' <>{asked} >{answers} 2>{log}\n",
            asked = asked.display(),
            answers = answers.display(),
            log = log.display(),
        );
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        (Self { asked, answers }, script.display().to_string())
    }

    fn answer(&self, id: u64) -> Value {
        let wanted = |line: &str| {
            let answer: Value = serde_json::from_str(line).ok()?;
            (answer["id"] == id).then_some(answer)
        };
        wait::until(PATIENCE, || {
            let answers = fs::read_to_string(&self.answers).map_err(|error| error.to_string())?;
            answers.lines().find_map(wanted).ok_or(answers)
        })
        .unwrap()
    }

    fn number(&self, id: u64, sql: &str) -> i64 {
        self.answer(0);
        let mut pipe = File::options().write(true).open(&self.asked).unwrap();
        writeln!(pipe, "{}", json!({ "id": id, "cmd": "number", "args": sql })).unwrap();
        self.answer(id)["ok"].as_i64().unwrap()
    }
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn litefs_migrates_before_it_starts_the_application() {
    let site = Site::start(2, APP);
    let tool = Tool::new(&site, TOOL);
    tool.migration("1_a", "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);", "DROP TABLE a;");
    let apps = [0, 1].map(|node| {
        assert!(site.cluster.stop_litefs(node).unwrap());
        let (app, script) = Started::script(&site, node);
        let settings = tool.settings(node);
        let migrate = format!("env LITEFS_DIESEL_CONFIG={} {TOOL} run", settings.display());
        site.cluster.set_exec(node, &[migrate, script]).unwrap();
        app
    });
    // Both boot at once, as containers do; there is no database yet.
    std::thread::scope(|scope| {
        for node in [1, 0] {
            let site = &site;
            scope.spawn(move || site.cluster.start_litefs(node).unwrap());
        }
    });
    for app in &apps {
        assert_eq!(app.number(1, "SELECT count(*) AS n FROM a"), 1);
    }
    let ran = "Running migration 1_a";
    assert_eq!(site.cluster.log(0).matches(ran).count(), 1, "{}", site.cluster.log(0));
    assert_eq!(site.cluster.log(1).matches(ran).count(), 0, "a replica's LiteFS runs no such step");

    // The next release: its migrations run before it.
    assert!(site.cluster.stop_litefs(0).unwrap(), "nothing has a file open");
    tool.migration("2_b", "INSERT INTO a VALUES (2);", "");
    fs::remove_file(&apps[0].answers).unwrap();
    site.cluster.start_litefs(0).unwrap();
    assert_eq!(apps[0].number(2, "SELECT count(*) AS n FROM a"), 2);
    for node in [1, 0] {
        assert!(site.cluster.stop_litefs(node).unwrap(), "node {node}");
    }
}
