//! From arguments to an [`Exit`].

use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdout};

use clap::Parser;
use diesel::migration::MigrationSource;
use diesel::sqlite::Sqlite;
use litefs_diesel::LitefsRepo;

use crate::cli::{Cli, Command};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::{Carried, Session};
use crate::source::embedded;

/// Runs the tool with these arguments, the first of which is the program's name. Writes to standard
/// output and standard error. Blocks until it is done.
///
/// ```
/// let exit = migrations_tool::run(["litefs-migrate", "--no-such-flag"]);
/// assert_eq!(exit, migrations_tool::Exit::Usage);
/// ```
pub fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Exit {
    start(args, || Ok(None))
}

/// The same for one repo and the migrations that the program carries (`embed_migrations!`), for
/// containers that have no sources. `--migrations-path` still goes before them.
///
/// ```no_run
/// use diesel_migrations::{EmbeddedMigrations, embed_migrations};
/// use litefs_diesel::litefs_repo;
///
/// const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
///
/// #[litefs_repo]
/// struct Repo;
///
/// fn main() -> migrations_tool::Exit {
///     migrations_tool::run_for::<Repo>(MIGRATIONS, std::env::args_os())
/// }
/// ```
pub fn run_for<R: LitefsRepo>(
    migrations: impl MigrationSource<Sqlite>,
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Exit {
    start(args, || Ok(Some(Carried { repo: R::NAME, migrations: embedded(&migrations)? })))
}

fn start(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    carried: impl FnOnce() -> Result<Option<Carried>, Error>,
) -> Exit {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // It knows which of the two streams it is for.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    // Not locked: a node has threads, and the application's code on them may print.
    let mut output = Output {
        out: &mut stdout(),
        err: &mut stderr(),
        quiet: cli.common.quiet,
        json: cli.common.json,
        terminal: stderr().is_terminal(),
    };
    let done = carried()
        .and_then(|carried| Session::open(&cli.common, carried))
        .and_then(|session| execute(&cli.command, &session, &mut output));
    done.unwrap_or_else(|error| {
        output.error(&error);
        error.exit()
    })
}

fn execute(command: &Command, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
    match command {
        Command::Run(run) => run.execute(session, output),
        Command::Revert(revert) => revert.execute(session, output),
        Command::Redo(redo) => redo.execute(session, output),
        Command::List(list) => list.execute(session, output),
        Command::Pending(pending) => pending.execute(session, output),
        Command::Generate(generate) => generate.execute(session, output),
        Command::Path(path) => path.execute(session, output),
        Command::Dump(dump) => dump.execute(session, output),
        Command::Load(load) => load.execute(session, output),
    }
}
