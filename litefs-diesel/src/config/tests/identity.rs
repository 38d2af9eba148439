//! How nodes know each other, as the settings say it.

use super::super::{Config, IdentityFile, IdentitySettings, SecretFrom};
use super::{Folder, settings};

const BEFORE: &str = "[repo.Repo]\ndatabase = '/nowhere/app.db'\n[litefs]\n[cluster]\n";

/// What nobody may ever see.
const SECRET: &str = "hunter2hunter2hunter2hunter2hunter2hunter2hunter2";

fn identity<const N: usize>(
    cluster: &str,
    environment: [(&str, &str); N],
) -> Result<IdentitySettings, String> {
    let settings = settings(&format!("{BEFORE}{cluster}"), environment);
    settings.map(|settings| settings.cluster.identity).map_err(|error| format!("{error} {error:?}"))
}

#[test]
fn a_node_that_listens_elsewhere_without_an_identity_refuses_to_start_and_says_what_to_set() {
    for listen in ["10.0.0.1:7117", "[::]:7117", "0.0.0.0:0"] {
        let listen = format!("listen = '{listen}'\npeer = '{{hostname}}:7117'\n");
        let error = identity(&listen, []).unwrap_err();
        for part in [
            "`cluster.secret_file` is not set",
            "secret_file = ",
            "openssl rand",
            "`ca_file`",
            "insecure = true",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let error = identity(&format!("{listen}insecure = true"), []).unwrap_err();
        for part in ["`cluster.listen`", "not on loopback", "secret_file = ", "\"127.0.0.1:"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        for with in ["secret_file = 's'", "ca_file = 'a'\ncert_file = 'b'\nkey_file = 'c'"] {
            assert!(identity(&format!("{listen}{with}"), []).is_ok());
        }
    }
}

#[test]
fn nodes_that_are_only_called_need_an_identity_too() {
    let error = identity("nodes = 'dns:shop.internal:7117'", []).unwrap_err();
    assert!(error.contains("`cluster.secret_file` is not set"), "{error}");
    assert!(identity("nodes = 'dns:shop.internal:7117'\nsecret_file = 's'", []).is_ok());
}

#[test]
fn files_count_from_the_folder_of_the_settings_and_are_private_unless_that_is_allowed() {
    let folder = Folder::with(&format!(
        "{BEFORE}ca_file = 'ca.pem'\ncert_file = 'own.pem'\nkey_file = '/abs/key.pem'"
    ));
    let read = |config: Config| config.resolve().unwrap().cluster.identity;
    let beside = |name: &str| folder.0.path().join(name);
    let file = |setting, path, private| IdentityFile { setting, path, private };
    for allow in [false, true] {
        let config = folder.load([]).unwrap().allow_readable_by_others(allow);
        let certificates = IdentitySettings::Certificates {
            authorities: file("cluster.ca_file", beside("ca.pem"), false),
            certificate: file("cluster.cert_file", beside("own.pem"), false),
            key: file("cluster.key_file", "/abs/key.pem".into(), !allow),
        };
        assert_eq!(read(config), certificates);
    }
}

#[test]
fn the_code_sets_what_the_file_sets() {
    let alone = || Config::new("/nowhere/app.db").litefs_http("http://127.0.0.1:20202");
    let secret = alone().secret_file("/run/secrets/shop").resolve().unwrap().cluster.identity;
    assert!(matches!(secret, IdentitySettings::Secret(SecretFrom::File(file)) if file.private));
    let certificates = alone().certificates("a", "b", "c").resolve().unwrap().cluster.identity;
    assert!(certificates.has_files() && matches!(certificates, IdentitySettings::Certificates { .. }));
}

#[test]
fn a_secret_is_the_environment_s_and_is_shown_by_nobody() {
    const VARIABLE: &str = "LITEFS_DIESEL__CLUSTER__SECRET";
    for (file, environment) in [("", (VARIABLE, SECRET)), ("secret = '${SHOP}'", ("SHOP", SECRET))] {
        let folder = Folder::with(&format!("{BEFORE}{file}"));
        let config = folder.load([environment]).unwrap();
        let settings = config.resolve().unwrap();
        let IdentitySettings::Secret(SecretFrom::Text(text)) = &settings.cluster.identity else {
            panic!("no secret")
        };
        assert_eq!(text.reveal(), SECRET);
        let shown = format!("{config:?} {settings:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for (cluster, environment, says) in [
        (format!("secret = '{SECRET}'"), ("OTHER", ""), "does not belong into a file"),
        ("secret = '${SHOP}'".to_owned(), ("OTHER", SECRET), "SHOP is not set"),
        (String::new(), (VARIABLE, " "), "it is empty"),
        ("insecure = true".to_owned(), (VARIABLE, SECRET), "`cluster.insecure` is set, too"),
        ("listen = 'nowhere'".to_owned(), (VARIABLE, SECRET), "`cluster.listen`"),
    ] {
        let error = identity(&cluster, [environment]).unwrap_err();
        assert!(error.contains(says) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_node_has_one_identity() {
    const CERTIFICATES: &str = "ca_file = 'a'\ncert_file = 'b'\nkey_file = 'c'";
    for (cluster, says) in [
        ("insecure = true\nsecret_file = 's'".to_owned(), "`cluster.secret_file`"),
        (format!("insecure = true\n{CERTIFICATES}"), "`cluster.ca_file`"),
        (format!("secret_file = 's'\n{CERTIFICATES}"), "`cluster.ca_file`"),
        ("secret_file = 's'\nkey_file = 'c'".to_owned(), "`cluster.key_file`"),
        ("ca_file = 'a'\nkey_file = 'c'".to_owned(), "`cluster.cert_file`"),
        ("cert_file = 'b'".to_owned(), "`cluster.ca_file`"),
        ("ca_file = 'a'\ncert_file = 'b'".to_owned(), "`cluster.key_file`"),
    ] {
        let error = identity(&cluster, []).unwrap_err();
        assert!(error.starts_with(says), "{cluster}: {error}");
    }
}
