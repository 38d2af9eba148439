//! The program on a real LiteFS of two nodes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use litefs_diesel_tests::cluster::Cluster;

struct Nodes {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Nodes {
    fn start() -> Self {
        let nodes = Self { cluster: Cluster::start(2).unwrap(), folder: tempfile::tempdir().unwrap() };
        for node in 0..2 {
            let (mount, http) = (nodes.cluster.mount(node).display().to_string(), nodes.cluster.http(node));
            let settings = format!(
                "[repo.Repo]\ndatabase = \"{mount}/app.db\"\npriv = \"..\"\n[litefs]\nhttp = \"{http}\"\n\
                 [cluster]\nnode = \"{}\"\n",
                nodes.cluster.hostname(node)
            );
            nodes.write(&format!("{node}/litefs-diesel.toml"), &settings);
        }
        nodes
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn folder(&self, node: usize) -> PathBuf {
        self.folder.path().join(node.to_string())
    }

    fn run(&self, node: usize, args: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_litefs-migrate"));
        let output = command.args(args).current_dir(self.folder(node)).output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// One cluster: each part leaves it as the next needs it.
#[test]
#[ignore = "needs LiteFS: tests/run"]
fn the_primary_runs_migrations_and_a_replica_reads_them() {
    let nodes = Nodes::start();
    nodes.write("migrations/1_a/up.sql", "CREATE TABLE a (x);");
    nodes.write("migrations/1_a/down.sql", "DROP TABLE a;");

    // Reading makes no database, on neither.
    for node in [0, 1] {
        let ran = nodes.run(node, &["list"]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), "Migrations:\n  [ ] 1_a\n"), "{}", ran.err);
        assert!(!nodes.cluster.mount(node).join("app.db").exists());
    }

    // As a step before the application starts: it makes the database, and two at once run it once.
    let runs = std::thread::scope(|scope| {
        let tools: Vec<_> = (0..2).map(|_| scope.spawn(|| nodes.run(0, &["run"]))).collect();
        tools.into_iter().map(|tool| tool.join().unwrap()).collect::<Vec<_>>()
    });
    let lines: usize = runs.iter().map(|ran| ran.out.lines().count()).sum();
    assert!(runs.iter().all(|ran| ran.code == Some(0)), "{} {}", runs[0].err, runs[1].err);
    assert_eq!(lines, 1);

    // On the replica nothing is pending, and that needs nobody.
    nodes.cluster.wait_replicated(0, "app.db").unwrap();
    let ran = nodes.run(1, &["run"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""), "{}", ran.err);

    // With something pending it is told where to go, and nothing is written.
    nodes.write("migrations/2_b/up.sql", "CREATE TABLE b (x);");
    let ran = nodes.run(1, &["run", "--timeout", "5s"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.contains("replica of node-0") && ran.err.contains("run this on node-0"), "{}", ran.err);

    let before = nodes.cluster.position(0, "app.db").unwrap();
    assert_eq!(nodes.run(0, &["run", "--dry-run"]).code, Some(0));
    assert_eq!(nodes.cluster.position(0, "app.db").unwrap(), before);
    assert_eq!(nodes.run(0, &["run"]).out, "Running migration 2_b\n");
    nodes.cluster.wait_replicated(0, "app.db").unwrap();
    assert_eq!(nodes.run(1, &["pending", "--check"]).code, Some(0));

    // Reading goes on with the primary gone.
    nodes.cluster.pause(0).unwrap();
    let ran = nodes.run(1, &["list"]);
    assert_eq!(ran.out, "Migrations:\n  [X] 1_a\n  [X] 2_b\n", "{}", ran.err);
    nodes.cluster.resume(0).unwrap();

    // Who leaves LiteFS out of the settings is told, before anything is written.
    let database = nodes.cluster.mount(0).join("app.db").display().to_string();
    nodes.write("0/litefs-diesel.toml", &format!("[repo.Repo]\ndatabase = {database:?}\npriv = '..'\n"));
    nodes.write("migrations/3_c/up.sql", "CREATE TABLE c (x);");
    let ran = nodes.run(0, &["run"]);
    assert!(ran.code == Some(1) && ran.err.contains("[litefs]"), "{}", ran.err);
    // Neither the program nor its node kept anything open: LiteFS can stop.
    assert!(nodes.cluster.stop_litefs(0).unwrap());
}
