//! Brings the files of `[print_schema]` in `diesel.toml` up to date, through the `diesel` command.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::cli::Writing;
use crate::error::Error;
use crate::output::Output;
use crate::paths::{DieselToml, PrintSchema};
use crate::session::{Session, Target};

/// Refreshes each file, after something ran. Where the `diesel` command is not installed, one line
/// says so.
pub(crate) fn refresh(
    session: &Session,
    target: &Target,
    how: &Writing,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    let Some(diesel) = &session.diesel else { return Ok(()) };
    let schemas = diesel.schemas();
    if schemas.is_empty() {
        return Ok(());
    }
    if session.targets.len() > 1 {
        output.note(format_args!(
            "the files of [print_schema] in {} are not refreshed: which of several repos they show is not said there; \
             name one with `--repo`",
            diesel.path.display()
        ));
        return Ok(());
    }
    for schema in schemas {
        let Some(text) = print(diesel, &schema, target.database()?.file())? else {
            output.note(format_args!(
                "{} is not refreshed: the `diesel` command is not installed",
                schema.file.display()
            ));
            return Ok(());
        };
        if fs::read(&schema.file).is_ok_and(|old| old == text) {
            continue;
        }
        let file = schema.file.display();
        if how.locked_schema {
            return Err(Error::Schema(format!(
                "the migrations ran, and {file} is not what they make (`--locked-schema`); refresh it where the sources \
                 are: `litefs-migrate run` there, or `diesel print-schema`"
            )));
        }
        fs::write(&schema.file, text)
            .map_err(|why| Error::Write { path: schema.file.clone(), why: why.to_string() })?;
        output.progress(format_args!("Refreshed {file}"));
    }
    Ok(())
}

/// What the `diesel` command prints; `None` when it is not installed.
fn print(diesel: &DieselToml, schema: &PrintSchema, database: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut command = Command::new("diesel");
    command.arg("print-schema").arg("--config-file").arg(&diesel.path).arg("--database-url").arg(database);
    if let Some(key) = &schema.key {
        command.arg("--schema-key").arg(key);
    }
    match command.output() {
        Ok(answer) if answer.status.success() => Ok(Some(answer.stdout)),
        Ok(answer) => Err(Error::Schema(format!(
            "the migrations ran, but {} is not refreshed; `diesel print-schema` says: {}",
            schema.file.display(),
            String::from_utf8_lossy(&answer.stderr).trim()
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Schema(format!("the `diesel` command cannot be run: {error}"))),
    }
}
