//! What to do about a folder that is not there.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use litefs_diesel::config::Origin;

use super::{Found, PathError, Root, Rule, VARIABLE};

/// The other folders in which migrations usually are, but for those of other repos, whether they exist or not: what `priv` would
/// have to be for each, and the folder.
pub(crate) fn usual_folders(found: &Found, root: &Root) -> Vec<(String, PathBuf)> {
    let inferred = found.priv_dir.strip_prefix(&root.folder).ok().map(|own| own.display().to_string());
    let usual = [".".to_owned(), "priv/repo".to_owned()];
    let mut folders: Vec<(String, PathBuf)> = Vec::new();
    for own in inferred.into_iter().chain(usual) {
        let folder = match own.as_str() {
            "." => root.folder.join("migrations"),
            own => root.folder.join(own).join("migrations"),
        };
        let named = [&found.folders, &found.of_others].iter().any(|folders| folders.contains(&folder));
        let known = named || folders.iter().any(|(_, other)| *other == folder);
        if !known {
            folders.push((own, folder));
        }
    }
    folders
}

/// The folders of a repo, when all of them are there and can be read.
pub(crate) fn existing_folders<'f>(
    repo: &str,
    found: &'f Found,
    root: &Root,
) -> Result<&'f [PathBuf], PathError> {
    for folder in &found.folders {
        check(repo, folder, found, root)?;
    }
    Ok(&found.folders)
}

fn check(repo: &str, folder: &Path, found: &Found, root: &Root) -> Result<(), PathError> {
    match std::fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(PathError::NoFolder { path: folder.to_owned(), rule: Box::new(found.rule.clone()) }),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Err(PathError::Missing {
                path: folder.to_owned(),
                rule: Box::new(found.rule.clone()),
                next: next(repo, folder, found, root),
            })
        }
        Err(error) => Err(PathError::Unreadable { path: folder.to_owned(), why: error.to_string() }),
    }
}

/// What to do: the line of settings that names the folder which is there, or how to make one.
fn next(repo: &str, folder: &Path, found: &Found, root: &Root) -> String {
    let Some((own, there)) = usual_folders(found, root).into_iter().find(|(_, folder)| folder.is_dir())
    else {
        return format!("make it (`mkdir -p {}`), or `litefs-migrate generate NAME` does", folder.display());
    };
    let there = there.display();
    match &found.rule {
        Rule::Flag => format!("{there} is there: leave the flag out, or write `--migrations-path {there}`"),
        Rule::Variable => format!("{there} is there: unset {VARIABLE}, or write {VARIABLE}={there}"),
        Rule::DieselToml(path) => {
            format!("{there} is there: in {}, write `dir = {:?}`", path.display(), there.to_string())
        }
        Rule::Priv { origin: Origin::Environment(name), .. } => {
            format!("{there} is there: unset {name}, or write {name}={own}")
        }
        Rule::Priv { origin, .. } => {
            format!("{there} is there: write `priv = {own:?}` below {} instead ({origin})", section(repo))
        }
        Rule::Inferred { .. } => format!(
            "{there} is there: write `priv = {own:?}` below {} in {}",
            section(repo),
            root.folder.join("litefs-diesel.toml").display()
        ),
    }
}

/// The table of a repo in the settings file; TOML wants some names in quotes.
fn section(repo: &str) -> String {
    let bare = repo.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { format!("[repo.{repo}]") } else { format!("[repo.{repo:?}]") }
}
