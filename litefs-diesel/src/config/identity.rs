//! Reading how nodes know each other: a shared secret, certificates, or plain text on loopback.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::error::StartError;
use super::layer::Value;
use super::read::Found;

/// How nodes know each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IdentitySettings {
    /// Nothing says so: no other node is reached, and none reaches this one.
    Unset,
    /// Not at all: whoever is on this machine, in plain text.
    Insecure,
    /// By secrets that all of them have.
    Secret(SecretFrom),
    /// By certificates of the cluster's own authorities.
    Certificates {
        /// The authorities that sign nodes' certificates.
        authorities: IdentityFile,
        /// This node's certificate, and those between it and the authority.
        certificate: IdentityFile,
        key: IdentityFile,
    },
}

impl IdentitySettings {
    /// Whether it may change while the node runs.
    pub(crate) fn has_files(&self) -> bool {
        matches!(self, Self::Secret(SecretFrom::File(_)) | Self::Certificates { .. })
    }
}

/// Where the shared secrets are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretFrom {
    /// In a file, which is read again when it changes.
    File(IdentityFile),
    /// Given by the environment, which does not change.
    Text(SecretText),
}

/// A file with a part of the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IdentityFile {
    /// What errors call it: `cluster.secret_file`.
    pub(crate) setting: &'static str,
    pub(crate) path: PathBuf,
    /// Whether nobody but its owner may be able to read it.
    pub(crate) private: bool,
}

/// A text that nobody is shown, and that is cleared when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for whoever makes a key of it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// What to write when there is none; the end of a sentence.
pub(super) const NEXT: &str = "write `secret_file = \"/run/secrets/litefs-diesel\"`, the same secret on every node (`openssl rand -base64 32` \
                    makes one), or `ca_file`, `cert_file` and `key_file`";

/// The identity in `[cluster]`.
pub(super) fn settings<'a>(
    get: impl Fn(&'static str) -> Option<Found<'a>>,
) -> Result<IdentitySettings, StartError> {
    let insecure = get("insecure").map_or(Ok(false), |found| found.boolean())?;
    let shared = get("allow_readable_by_others").map_or(Ok(false), |found| found.boolean())?;
    let file = |key, setting, private| {
        let file = |found: Found<'_>| {
            let path = found.folder().join(found.text()?);
            Ok::<_, StartError>(IdentityFile { setting, path, private })
        };
        get(key).map(file).transpose()
    };
    let secret_file = file("secret_file", "cluster.secret_file", !shared)?;
    let secret = get("secret").map(|found| secret(&found)).transpose()?;
    let authorities = file("ca_file", "cluster.ca_file", false)?;
    let certificate = file("cert_file", "cluster.cert_file", false)?;
    let key = file("key_file", "cluster.key_file", !shared)?;
    let ways = [
        ("insecure", insecure),
        ("secret_file", secret_file.is_some()),
        ("secret", secret.is_some()),
        ("ca_file", authorities.is_some() || certificate.is_some() || key.is_some()),
    ];
    let mut set = ways.iter().filter(|(_, set)| *set).map(|(key, _)| *key);
    if let (Some(one), Some(other)) = (set.next(), set.next()) {
        // Whichever was meant: what is not meant must not be what is done.
        let found = get(other).or_else(|| get("cert_file")).or_else(|| get("key_file"));
        let why = format!("`cluster.{one}` is set, too, and a node has one identity; leave one of them out");
        return Err(match found {
            Some(found) => found.error(why),
            None => StartError::Missing { setting: format!("cluster.{other}"), why },
        });
    }
    Ok(match (secret_file, secret, (authorities, certificate, key)) {
        _ if insecure => IdentitySettings::Insecure,
        (Some(file), ..) => IdentitySettings::Secret(SecretFrom::File(file)),
        (_, Some(text), _) => IdentitySettings::Secret(SecretFrom::Text(text)),
        (_, _, (None, None, None)) => IdentitySettings::Unset,
        (_, _, (Some(authorities), Some(certificate), Some(key))) => {
            IdentitySettings::Certificates { authorities, certificate, key }
        }
        (_, _, (authorities, certificate, _)) => {
            let missing = match (authorities, certificate) {
                (None, _) => "ca_file",
                (_, None) => "cert_file",
                _ => "key_file",
            };
            return Err(StartError::Missing {
                setting: format!("cluster.{missing}"),
                why:
                    "certificates need all of `ca_file` (who signs them), `cert_file` (this node's own) and \
                      `key_file` (its private key)"
                        .to_owned(),
            });
        }
    })
}

fn secret(found: &Found<'_>) -> Result<SecretText, StartError> {
    match found.value {
        Value::Secret(text) if text.reveal().trim().is_empty() => Err(found.error("it is empty")),
        Value::Secret(text) => Ok(text.clone()),
        Value::Broken(why) => Err(found.error(why.clone())),
        _ => Err(found.error(
            "a secret does not belong into a file of settings, which is copied and committed; write it into a file of \
             its own and name that one as `secret_file`, or write `secret = \"${NAME}\"` with the environment's",
        )),
    }
}
