//! Files that make no identity: each error names the setting and the file, and what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::Transport;
use super::super::testing::*;
use crate::config::{IdentitySettings, SecretFrom};

fn refused(settings: &IdentitySettings) -> String {
    Transport::load(settings, "shop").map(|_| ()).unwrap_err().to_string()
}

fn set_mode(files: &Files, name: &str, mode: u32) {
    fs::set_permissions(files.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_secret_or_key_that_others_can_read_is_refused_unless_a_setting_allows_it() {
    let (files, authority) = (Files::new(), Authority::new());
    files.put("secret", &secret());
    files.put("ca", &authority.pem());
    files.put_certificate(&authority.sign("ams"));
    for (mode, read_by_others) in
        [(0o400, false), (0o600, false), (0o440, true), (0o644, true), (0o444, true)]
    {
        for name in ["secret", "key"] {
            set_mode(&files, name, mode);
        }
        for (settings, setting) in
            [(files.by_secret(), "`cluster.secret_file`"), (files.by_certificate(), "`cluster.key_file`")]
        {
            if read_by_others {
                let error = refused(&settings);
                for part in [setting, "chmod 600", "cluster.allow_readable_by_others = true"] {
                    assert!(error.contains(part), "{mode:o}: {error}");
                }
            }
            assert!(Transport::load(&allowed(settings, read_by_others), "shop").is_ok(), "{mode:o}");
        }
    }
}

fn allowed(settings: IdentitySettings, allow: bool) -> IdentitySettings {
    let mut settings = settings;
    match &mut settings {
        IdentitySettings::Secret(SecretFrom::File(file)) => file.private &= !allow,
        IdentitySettings::Certificates { key, .. } => key.private &= !allow,
        _ => panic!("no file"),
    }
    settings
}

#[test]
fn a_file_that_anybody_can_write_is_refused_whatever_it_is() {
    let (files, authority) = (Files::new(), Authority::new());
    files.put("ca", &authority.pem());
    files.put_certificate(&authority.sign("ams"));
    set_mode(&files, "ca", 0o666);
    let error = refused(&files.by_certificate());
    assert!(error.starts_with("`cluster.ca_file`") && error.contains("chmod o-w"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let files = Files::new();
    let error = refused(&files.by_secret());
    assert!(error.starts_with("`cluster.secret_file`") && error.contains("create it"), "{error}");
    fs::create_dir(files.path("secret")).unwrap();
    assert!(refused(&files.by_secret()).contains("is no file"));
    fs::remove_dir(files.path("secret")).unwrap();
    files.put("secret", &"A".repeat((1 << 20) + 1));
    assert!(refused(&files.by_secret()).contains("more than 1048576 bytes"));
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let files = Files::new();
    let made = std::process::Command::new("mkfifo").arg(files.path("secret")).status().unwrap();
    assert!(made.success());
    assert!(refused(&files.by_secret()).contains("is no file"));
}

#[test]
fn a_secret_file_that_is_none_is_refused_with_its_path_and_not_its_text() {
    let files = Files::new();
    files.put("secret", "hunter2hunter2");
    let error = refused(&files.by_secret());
    assert!(error.starts_with("`cluster.secret_file`") && error.contains("openssl rand"), "{error}");
    assert!(error.contains(files.path("secret").to_str().unwrap()) && !error.contains("hunter2"), "{error}");
}

#[test]
fn certificates_that_no_node_would_take_are_refused_at_start() {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = authority.sign("ams");
    for (ca, certificate, key, says) in [
        ("nothing", &own.certificate, &own.key, ["`cluster.ca_file`", "BEGIN CERTIFICATE"]),
        (&*authority.pem(), &"nothing".to_owned(), &own.key, ["`cluster.cert_file`", "BEGIN CERTIFICATE"]),
        (&*authority.pem(), &own.certificate, &own.certificate, ["`cluster.key_file`", "BEGIN PRIVATE KEY"]),
        (
            &*authority.pem(),
            &own.certificate,
            &authority.sign("ams").key,
            ["`cluster.key_file`", "does not belong"],
        ),
        (&*other.pem(), &own.certificate, &own.key, ["`cluster.cert_file`", "`cluster.ca_file`"]),
    ] {
        let files = Files::new();
        files.put("ca", ca);
        files.put_certificate(&Own { certificate: certificate.clone(), key: key.clone() });
        let error = refused(&files.by_certificate());
        assert!(says.iter().all(|part| error.contains(part)), "{error}");
        assert!(!error.contains("PRIVATE KEY-----"), "{error}");
    }
    let files = Files::new();
    files.put("ca", &authority.pem());
    files.put_certificate(&authority.sign_until("ams", 2020));
    let error = refused(&files.by_certificate());
    assert!(error.starts_with("`cluster.cert_file`") && error.contains("expired"), "{error}");
}

#[test]
fn a_certificate_has_to_serve_for_calling_and_for_being_called() {
    use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
    let authority = Authority::new();
    for (usages, good) in
        [(vec![ServerAuth], false), (vec![ClientAuth], false), (vec![ServerAuth, ClientAuth], true)]
    {
        let files = Files::new();
        files.put("ca", &authority.pem());
        files.put_certificate(&authority.sign_with("ams", |params| params.extended_key_usages = usages));
        match good {
            true => assert!(Transport::load(&files.by_certificate(), "shop").is_ok()),
            false => assert!(refused(&files.by_certificate()).contains("for servers and clients both")),
        }
    }
}

#[test]
fn a_pem_that_is_damaged_says_nothing_of_what_is_in_it() {
    let (files, authority) = (Files::new(), Authority::new());
    files.put("ca", &authority.pem());
    let own = authority.sign("ams");
    files.put_certificate(&Own { certificate: own.certificate, key: own.key.replace("\nM", "\n!M") });
    let error = refused(&files.by_certificate());
    let quoted = own.key.lines().nth(1).unwrap();
    assert!(error.starts_with("`cluster.key_file`") && !error.contains(&quoted[..12]), "{error}");
}
