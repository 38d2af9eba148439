//! What the migrations tool asks.

use std::path::Path;
use std::time::Duration;

use super::super::tool::node_of;
use super::super::{Config, Origin, RepoConfig, StartError};
use super::Folder;

#[test]
fn the_tool_reads_folders_also_without_a_database() {
    let folder = Folder::with("[repo.Repo]\npriv = 'elsewhere'\n[repo.Other]");
    let settings = folder.load([]).unwrap().for_tool().unwrap();
    assert_eq!(settings.root.as_deref(), folder.file().parent());
    assert!(settings.alone && !settings.unnamed && !settings.names_nodes);
    let names: Vec<_> = settings.repos.iter().map(|repo| repo.name.as_str()).collect();
    assert_eq!(names, ["Other", "Repo"]);
    let (path, origin) = settings.repos[1].priv_dir.as_ref().unwrap();
    assert_eq!(path, Path::new("elsewhere"));
    assert_eq!(*origin, Origin::File { path: folder.file(), line: 2, column: 8 });
    assert!(matches!(settings.repos[0].database, Err(StartError::Missing { .. })));
}

#[test]
fn a_node_of_the_tool_has_one_repo_and_is_a_guest() {
    let folder = Folder::with(
        "[repo.A]\ndatabase = 'a.db'\n[repo.B]\ndatabase = 'b.db'\n[litefs]\n[cluster]\ninsecure = true\n\
         listen = '127.0.0.1:7117'\npeer = '{hostname}:7117'\nnodes = 'dns:shop.internal'\nnode = 'ams'",
    );
    let config = folder.load([("LITEFS_DIESEL__REPO__A__POOL_SIZE", "2")]).unwrap();
    let settings = config.of_tool("B", false, Duration::from_secs(7)).unwrap().resolve().unwrap();
    assert_eq!(settings.repos.keys().collect::<Vec<_>>(), ["B"]);
    assert_eq!(settings.cluster.node, "ams");
    let guest = settings.cluster.guest.unwrap();
    assert_eq!(guest, format!("ams (litefs-migrate {})", std::process::id()));
    assert_eq!(node_of(&guest), "ams");
    for node in ["ams", "ams (berlin)", "(litefs-migrate 1)", "litefs-migrate 1"] {
        assert_eq!(node_of(node), node);
    }
    let nodes = super::super::Nodes::Dns { name: "shop.internal".into(), port: 7117 };
    assert_eq!(settings.cluster.nodes, Some(nodes));
    assert_eq!(settings.litefs.unwrap().start_timeout, Duration::from_secs(7));
}

#[test]
fn the_tool_may_leave_litefs_out() {
    let folder = Folder::with("[repo.A]\ndatabase = 'a.db'\n[litefs]\nhttp = 'http://127.0.0.1:1'");
    let config = folder.load([("LITEFS_DIESEL__LITEFS__HTTP", "http://127.0.0.1:2")]).unwrap();
    assert!(!config.for_tool().unwrap().alone);
    assert!(config.of_tool("A", true, Duration::ZERO).unwrap().resolve().unwrap().is_alone());
}

#[test]
fn reading_makes_no_database() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("app.db");
    let config = Config::default().repo("Repo", RepoConfig::new(file.to_str().unwrap()));
    let settings = config.for_tool().unwrap();
    let database = settings.repos[0].database.as_ref().unwrap();
    assert!(database.read().unwrap().is_none());
    assert!(database.write().is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}
