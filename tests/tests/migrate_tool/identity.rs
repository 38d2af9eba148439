//! The tool on a replica whose nodes know each other by a secret, and by certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use litefs_diesel_tests::app::AppProcess;
use litefs_diesel_tests::contract::{Identity, NodeSettings, Site, Tool};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

const APP: &str = env!("CARGO_BIN_EXE_app_node");
const TOOL: &str = env!("CARGO_BIN_EXE_migrate");

/// A file that only its owner can read.
fn put(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A secret: 32 bytes as hex.
fn secret(folder: &TempDir, name: &str) -> Identity {
    let mut bytes = [0; 32];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").unwrap(), &mut bytes).unwrap();
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Identity::Secret(put(folder, name, &text))
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A node's files; it accepts what this authority signs.
    fn node(&self, folder: &TempDir, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        Identity::Certificates {
            authorities: put(folder, &format!("{name}.ca"), &self.0.pem()),
            certificate: put(folder, &format!("{name}.pem"), &signed.pem()),
            key: put(folder, &format!("{name}.key"), &key.serialize_pem()),
        }
    }
}

fn settings(site: &Site, node: usize, identity: Identity) -> NodeSettings {
    NodeSettings { identity, all_nodes: true, ..site.settings(node) }
}

/// Both nodes have what each is known by; a tool with `stranger` in the replica's place gets nothing.
fn from_a_replica(site: &Site, own: [Identity; 2], stranger: Identity) {
    let tool = Tool::new(site, TOOL);
    let apps: Vec<AppProcess> = own
        .iter()
        .enumerate()
        .map(|(node, identity)| {
            let settings = settings(site, node, identity.clone());
            tool.set(node, &settings, true);
            site.app(settings).unwrap()
        })
        .collect();
    tool.migration("1_log", "CREATE TABLE log (x INTEGER NOT NULL);", "DROP TABLE log;");
    assert_eq!(tool.run(1, &["run"]).ok(), "Running migration 1_log\n");
    tool.migration("2_row", "INSERT INTO log VALUES (2);", "DELETE FROM log;");
    let out = tool.run(1, &["run", "--wait-all"]).ok();
    assert!(out.starts_with("Running migration 2_row\n") && out.contains("node-1 has it (1 of 1)"), "{out}");
    assert_eq!(tool.run(1, &["redo"]).ok(), "Rolling back migration 2_row\nRunning migration 2_row\n");
    assert_eq!(count(&apps[1]), 1);

    tool.migration("3_row", "INSERT INTO log VALUES (3);", "");
    for other in [stranger, Identity::Insecure] {
        tool.set(1, &settings(site, 1, other), true);
        let ran = tool.run(1, &["run", "--timeout", "2s"]);
        let said = ran.failed(1);
        assert!(said.contains("nothing was run"), "{said}");
        assert_eq!(count(&apps[0]), 1, "{said}");
    }
    tool.set(1, &settings(site, 1, own[1].clone()), true);
    assert_eq!(tool.run(1, &["run"]).ok(), "Running migration 3_row\n");
    assert_eq!(count(&apps[1]), 2);
}

fn count(app: &AppProcess) -> i64 {
    app.call("number", "SELECT count(*) AS n FROM log").unwrap()
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn with_the_secret_of_the_cluster_a_replica_migrates_and_with_another_nothing_runs() {
    let (site, folder) = (Site::start(2, APP), tempfile::tempdir().unwrap());
    let shared = secret(&folder, "shared");
    let other = secret(&folder, "other");
    from_a_replica(&site, [shared.clone(), shared], other);
}

#[test]
#[ignore = "needs LiteFS: tests/run"]
fn with_a_certificate_of_the_authority_a_replica_migrates_and_with_another_nothing_runs() {
    let (site, folder, elsewhere) =
        (Site::start(2, APP), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (authority, other) = (Authority::new(), Authority::new());
    let own = ["node-0", "node-1"].map(|name| authority.node(&folder, name));
    from_a_replica(&site, own, other.node(&elsewhere, "node-1"));
}
