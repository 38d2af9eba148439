//! The files of an identity, read and not yet understood.

use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::config::{IdentityFile, IdentitySettings, SecretFrom, StartError};

/// How large a file may be: a bundle of authorities takes some kilobytes.
const MOST: usize = 1 << 20;

/// Why there is no identity. Never says what a secret is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{setting}`: {why}")]
pub(crate) struct LoadError {
    setting: &'static str,
    why: String,
}

impl LoadError {
    pub(super) fn new(setting: &'static str, why: impl Into<String>) -> Self {
        Self { setting, why: why.into() }
    }

    /// Of a file; `why` ends the sentence that begins with it.
    pub(super) fn of(file: &IdentityFile, why: impl std::fmt::Display) -> Self {
        Self::new(file.setting, format!("{} {why}", file.path.display()))
    }
}

impl From<LoadError> for StartError {
    fn from(LoadError { setting, why }: LoadError) -> Self {
        Self::Identity { setting: setting.to_owned(), why }
    }
}

/// What the settings name, as it is at one time. Cleared when it is dropped.
pub(super) enum Material {
    /// The text with the secrets.
    Secret(Zeroizing<Vec<u8>>),
    Certificates {
        authorities: Zeroizing<Vec<u8>>,
        certificate: Zeroizing<Vec<u8>>,
        key: Zeroizing<Vec<u8>>,
    },
}

impl Material {
    /// Reads it. `None` when there is nothing to read. Blocks.
    pub(super) fn read(settings: &IdentitySettings) -> Result<Option<Self>, LoadError> {
        Ok(match settings {
            IdentitySettings::Unset | IdentitySettings::Insecure => None,
            IdentitySettings::Secret(SecretFrom::File(file)) => Some(Self::Secret(read(file)?)),
            IdentitySettings::Secret(SecretFrom::Text(text)) => {
                Some(Self::Secret(Zeroizing::new(text.reveal().as_bytes().to_vec())))
            }
            IdentitySettings::Certificates { authorities, certificate, key } => Some(Self::Certificates {
                authorities: read(authorities)?,
                certificate: read(certificate)?,
                key: read(key)?,
            }),
        })
    }

    /// Tells whether it is another one than before.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut add = |bytes: &[u8]| {
            digest.update(bytes.len().to_be_bytes());
            digest.update(bytes);
        };
        match self {
            Self::Secret(text) => add(text),
            Self::Certificates { authorities, certificate, key } => {
                [authorities, certificate, key].iter().for_each(|part| add(part));
            }
        }
        digest.finalize().into()
    }
}

fn read(file: &IdentityFile) -> Result<Zeroizing<Vec<u8>>, LoadError> {
    let failed = |error: std::io::Error| {
        let next = match error.kind() {
            ErrorKind::NotFound => "; create it, or mend the path",
            ErrorKind::PermissionDenied => "; let the user read it who runs this process",
            _ => "",
        };
        LoadError::of(file, format_args!("cannot be read: {error}{next}"))
    };
    let no_file = || LoadError::of(file, "is no file, and could not be read again when it changes");
    // Opening a pipe would wait for its writer.
    if !std::fs::metadata(&file.path).map_err(failed)?.is_file() {
        return Err(no_file());
    }
    let opened = std::fs::File::open(&file.path).map_err(failed)?;
    let about = opened.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(no_file());
    }
    let mode = about.permissions().mode() & 0o777;
    if file.private && mode & 0o077 != 0 {
        return Err(LoadError::of(
            file,
            format_args!(
                "can be read or written by others than its owner (mode {mode:03o}); `chmod 600` it, or set \
                 `cluster.allow_readable_by_others = true`, where Docker or Kubernetes mounts it so"
            ),
        ));
    }
    if mode & 0o002 != 0 {
        return Err(LoadError::of(
            file,
            format_args!("can be written by anybody (mode {mode:03o}); `chmod o-w` it"),
        ));
    }
    // Room for all of it, so that no part is left behind where a buffer has grown.
    let size = usize::try_from(about.len()).unwrap_or(usize::MAX).min(MOST);
    let mut content = Zeroizing::new(Vec::with_capacity(size + 64));
    opened.take(MOST as u64 + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() > MOST {
        return Err(LoadError::of(file, format_args!("has more than {MOST} bytes; is it another file?")));
    }
    Ok(content)
}
