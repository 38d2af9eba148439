//! Steps of a plan, made of migrations and versions.

use litefs_diesel::__tool::{Kind, Step};

use crate::error::Error;
use crate::history::History;
use crate::paths::usual_folders;
use crate::session::{Session, Target};
use crate::source::{self, Migration};

/// What applies a migration.
pub(super) fn up(migration: &Migration) -> Result<Step, Error> {
    let sql = migration.up()?;
    Ok(step(migration, Kind::Up, sql))
}

/// What reverts these versions, each of which has to be on disk.
pub(super) fn downs(
    session: &Session,
    target: &Target,
    history: &History,
    versions: &[&str],
) -> Result<Vec<Step>, Error> {
    let found = |version: &&str| {
        let version = *version;
        history.migrations.get(version).ok_or_else(|| Error::NotOnDisk {
            version: version.to_owned(),
            next: whereabouts(session, target, version),
        })
    };
    let migrations = versions.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    migrations.into_iter().map(|migration| Ok(step(migration, Kind::Down, migration.down()?))).collect()
}

fn step(migration: &Migration, kind: Kind, sql: source::Sql) -> Step {
    Step {
        kind,
        version: migration.version.clone(),
        name: migration.name.clone(),
        file: sql.file,
        sql: sql.text,
        in_transaction: migration.in_transaction,
    }
}

/// Where the migration of a version that was not found may be: it is looked for in the folder that
/// the settings say, when the command line says another, and in the usual ones.
fn whereabouts(session: &Session, target: &Target, version: &str) -> String {
    let settings = target.found.priv_dir.join("migrations");
    let usual = usual_folders(&target.found, &session.root).into_iter().map(|(_, folder)| folder);
    let others = [Some(settings), session.diesel.as_ref().and_then(|file| file.migrations())];
    let others = others.into_iter().flatten().chain(usual);
    let others = others.filter(|folder| !target.found.folders.contains(folder));
    for folder in others {
        let Ok(names) = std::fs::read_dir(&folder) else { continue };
        let names = names.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
        if let Some(name) = names.into_iter().find(|name| source::version_of(name) == version) {
            return format!(
                "{} has {name}: name that folder too (`--migrations-path {}`, beside the others)",
                folder.display(),
                folder.display()
            );
        }
    }
    "bring it back from where it was deployed, or, when the database is to stay as it is, take its row out of \
     __diesel_schema_migrations"
        .to_owned()
}
