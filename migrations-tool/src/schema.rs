//! Brings the files of `[print_schema]` in `diesel.toml` up to date, through the `diesel` command.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use litefs_diesel::__tool::ToolDatabase;

use crate::cli::Writing;
use crate::error::Error;
use crate::output::Output;
use crate::session::{Session, Target};

/// Refreshes each file, after something ran. Where the `diesel` command is not installed, one line
/// says so.
pub(crate) fn refresh(
    session: &Session,
    target: &Target,
    how: &Writing,
    output: &mut Output<'_>,
) -> Result<(), Error> {
    let Some(diesel) = session.diesel.as_ref().filter(|diesel| diesel.has_schema_files()) else {
        return Ok(());
    };
    let file = diesel.path.display();
    if session.targets.len() > 1 {
        output.note(format_args!(
            "the files of [print_schema] in {file} are not refreshed: which of several repos they show is not said \
             there; name one with `--repo`"
        ));
        return Ok(());
    }
    match run_diesel(&diesel.path, target.database()?, how.locked_schema) {
        Ok(None) => Ok(()),
        Ok(Some(words)) => Err(Error::Schema(format!(
            "the migrations ran, but the files of [print_schema] in {file} are not refreshed; the `diesel` command \
             says: {words}"
        ))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            output.note(format_args!(
                "the files of [print_schema] in {file} are not refreshed: the `diesel` command is not installed"
            ));
            Ok(())
        }
        Err(error) => Err(Error::Schema(format!(
            "the migrations ran, but the `diesel` command, which refreshes the files of [print_schema], cannot be run: \
             {error}"
        ))),
    }
}

/// What the command said when it failed. It writes the files after `migration run`, also when nothing
/// is pending; so it is given no migrations, and a database that it can only read.
fn run_diesel(settings: &Path, database: &ToolDatabase, locked: bool) -> std::io::Result<Option<String>> {
    let none = tempfile::tempdir()?;
    let mut command = Command::new("diesel");
    command.args(["migration", "run", "--migration-dir"]).arg(none.path());
    command.arg("--config-file").arg(settings).arg("--database-url").arg(database.read_only_url());
    if locked {
        command.arg("--locked-schema");
    }
    let answer = command.output()?;
    let words = || {
        [answer.stderr.as_slice(), &answer.stdout].map(String::from_utf8_lossy).join("\n").trim().to_owned()
    };
    Ok((!answer.status.success()).then(words))
}
