//! Many migrations: asked for on the replica, against Diesel's own harness on the primary; and what
//! `litefs-migrate list` takes as a process.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use litefs_diesel::litefs_repo;
use litefs_diesel_tests::bench::{Contest, Line, Outcome, Target};

use crate::context::{Context, Site};
use crate::library;
use crate::schema::{self, connect};

/// How many, of one table each.
const MIGRATIONS: usize = 200;

const AGAINST_DIESEL: Target = Target::AtMost(1.3, None);

/// Milliseconds that `litefs-migrate list` may take, from start to end.
const LIST: f64 = 100.0;

/// A database of its own: nobody else's tables.
const DATABASE: &str = "migrated.db";

#[litefs_repo(name = "Repo")]
struct Migrated;

pub(crate) fn measure(context: &Context) -> Outcome<Vec<Line>> {
    let Some(site) = context.site() else { return Ok(Vec::new()) };
    let folder = tempfile::tempdir()?;
    write(folder.path())?;
    let database = site.cluster.mount(0).join(DATABASE);
    schema::create(&database)?;
    site.cluster.wait_replicated(0, DATABASE)?;
    let (replica, _primary) = library::pair(site, DATABASE, |config| config)?;
    let repo = Migrated::on(&replica.node)?;
    let from_the_replica = || {
        let migrations = FileBasedMigrations::from_path(folder.path())?;
        let begin = Instant::now();
        let ran = context.runtime.block_on(repo.migrate(migrations))?.len();
        finish(site, &database, begin, ran)
    };
    let on_the_primary = || {
        let migrations = FileBasedMigrations::from_path(folder.path())?;
        let begin = Instant::now();
        let ran =
            connect(&database)?.run_pending_migrations(migrations).map_err(|error| error.to_string())?.len();
        finish(site, &database, begin, ran)
    };
    let results = Contest::new()
        .enter("replica", from_the_replica)
        .enter("diesel", on_the_primary)
        .run(context.options.rounds())?;
    let times = |name: &str| results.series(name, |millis| *millis);
    Ok(vec![
        Line::compare(
            format!(
                "{MIGRATIONS} migrations of one table each: from the replica until visible there / `diesel_migrations` \
                 on the primary"
            ),
            "ms",
            times("replica"),
            times("diesel"),
            Some(AGAINST_DIESEL),
        ),
        list(context, folder.path())?,
    ])
}

fn write(folder: &Path) -> Outcome<()> {
    for number in 0..MIGRATIONS {
        let migration = folder.join(format!("{number:04}_table"));
        fs::create_dir(&migration)?;
        let table = format!("CREATE TABLE table_{number} (id INTEGER PRIMARY KEY, text TEXT NOT NULL);");
        fs::write(migration.join("up.sql"), table)?;
        fs::write(migration.join("down.sql"), format!("DROP TABLE table_{number};"))?;
    }
    Ok(())
}

/// The time that it took; then all is taken back, in one transaction that does not count.
fn finish(site: &Site, database: &Path, begin: Instant, ran: usize) -> Outcome<f64> {
    let millis = begin.elapsed().as_secs_f64() * 1e3;
    if ran != MIGRATIONS {
        return Err(format!("{ran} migrations ran").into());
    }
    let mut all = "BEGIN IMMEDIATE;".to_owned();
    for number in 0..MIGRATIONS {
        all.push_str(&format!("DROP TABLE table_{number};"));
    }
    connect(database)?.batch_execute(&format!("{all} DELETE FROM __diesel_schema_migrations; COMMIT;"))?;
    site.cluster.wait_replicated(0, DATABASE)?;
    Ok(millis)
}

fn list(context: &Context, migrations: &Path) -> Outcome<Line> {
    let folder = tempfile::tempdir()?;
    let mut conn = connect(&folder.path().join("app.db"))?;
    let some = FileBasedMigrations::from_path(migrations)?;
    conn.run_pending_migrations(some).map_err(|error| error.to_string())?;
    drop(conn);
    fs::write(folder.path().join("litefs-diesel.toml"), "[repo.Repo]\ndatabase = \"app.db\"\n")?;
    let results = Contest::new().enter("list", || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
        command.args(["list", "--migrations-path"]).arg(migrations).current_dir(folder.path());
        let begin = Instant::now();
        let output = command.output()?;
        let millis = begin.elapsed().as_secs_f64() * 1e3;
        let listed = String::from_utf8_lossy(&output.stdout).matches("[X]").count();
        if listed == MIGRATIONS { Ok(millis) } else { Err(format!("{listed} are listed: {output:?}").into()) }
    });
    let times = results.run(context.options.rounds())?.series("list", |millis| *millis);
    Ok(Line::value(
        format!("`litefs-migrate list` of {MIGRATIONS} migrations, the whole process"),
        "ms",
        times,
        LIST,
    ))
}
