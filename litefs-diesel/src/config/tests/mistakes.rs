//! Every mistake is an error that names the setting, its source, and what to do.

use super::super::{Config, JournalMode, RepoConfig, StartError};
use super::{Folder, from_environment, settings};

const REPO: &str = "[repo.Repo]\ndatabase = 'app.db'\n";

/// Each line is put behind three lines of a valid file; what the error has to say.
#[test]
fn a_mistake_in_the_file_is_told_with_its_line() {
    for (line, says) in [
        // unknown keys, at each level
        ("[repos.Repo]", ["`repos`", "line 4", "[repo.NAME]"]),
        ("pool = 3", ["`repo.Repo.pool`", "line 4", "pool_size"]),
        ("[repo.'a b']\nxyz = 1", ["`repo.\"a b\".xyz`", "line 5", "pool_size"]),
        ("[litefs]\nurl = 'x'", ["`litefs.url`", "line 5", "http, start_timeout"]),
        ("[cluster]\npeer_table = {}", ["`cluster.peer_table`", "line 5", "peers"]),
        // wrong types
        ("pool_size = '9'", ["`repo.Repo.pool_size`", "line 4", "it is a text, and has to be an integer"]),
        ("pool_size = 9.5", ["`repo.Repo.pool_size`", "line 4", "a number with a fraction"]),
        ("pool_size = 99999999999999999999", ["`repo.Repo.pool_size`", "line 4", "more than 64 bits"]),
        ("foreign_keys = 1", ["`repo.Repo.foreign_keys`", "line 4", "`true` or `false`"]),
        ("timeout = true", ["`repo.Repo.timeout`", "line 4", "\"5s\""]),
        ("priv = 2020-01-01", ["`repo.Repo.priv`", "line 4", "a date or a time"]),
        ("[[litefs]]", ["`litefs`", "line 4", "it is a list, and has to be a table"]),
        ("[litefs]\nhttp = ['a']", ["`litefs.http`", "line 5", "a list"]),
        ("[repo]\nX = 3", ["`repo.X`", "line 5", "has to be a table"]),
        // impossible values
        ("pool_size = 0", ["`repo.Repo.pool_size`", "line 4", "1 to 1024"]),
        ("pool_size = -1", ["`repo.Repo.pool_size`", "line 4", "-1 is not possible"]),
        ("max_batch = 0", ["`repo.Repo.max_batch`", "line 4", "1 to 65536"]),
        ("ledger_keep = '29s'", ["`repo.Repo.ledger_keep`", "line 4", "transaction_total"]),
        ("queue_length = 0", ["`repo.Repo.queue_length`", "line 4", "1 to"]),
        ("timeout = 0", ["`repo.Repo.timeout`", "line 4", "0 is not possible"]),
        ("timeout = '1 fortnight'", ["`repo.Repo.timeout`", "line 4", "unknown time unit"]),
        ("timeout = '8d'", ["`repo.Repo.timeout`", "line 4", "7 days"]),
        ("busy_timeout = -1", ["`repo.Repo.busy_timeout`", "line 4", "below zero"]),
        ("transaction_idle = '31s'", ["`repo.Repo.transaction_idle`", "line 4", "transaction_total"]),
        ("journal_mode = 'memory'", ["`repo.Repo.journal_mode`", "line 4", "silently not replicate"]),
        ("journal_mode = 'OFF'", ["`repo.Repo.journal_mode`", "line 4", "silently not replicate"]),
        ("journal_mode = 'fast'", ["`repo.Repo.journal_mode`", "line 4", "none of wal"]),
        ("priv = ''", ["`repo.Repo.priv`", "line 4", "empty"]),
        ("priv = '${NOT_SET}'", ["`repo.Repo.priv`", "line 4", "NOT_SET is not set"]),
        ("[repo.B]\ndatabase = './app.db'", ["`repo.Repo.database`", "line 3", "the same file"]),
        // not TOML
        ("pool_size = = 3", ["line 4", "is not TOML", ""]),
        ("pool_size = 1\npool_size = 2", ["line 5", "duplicate key", ""]),
    ] {
        let error = settings(&format!("\n{REPO}{line}"), []).unwrap_err().to_string();
        for part in says {
            assert!(error.contains(part), "{line}: {part:?} is not in: {error}");
        }
    }
}

#[test]
fn a_mistake_in_the_cluster_names_the_setting_and_what_to_write() {
    const BASE: &str = "listen = '127.0.0.1:7117'\ninsecure = true\n";
    for (base, line, setting, says) in [
        ("", "listen = 'here'", "cluster.listen", "127.0.0.1:7117"),
        ("", "listen = '127.0.0.1:7117'", "cluster.secret_file", "insecure = true"),
        ("", "peer = '{hostname}:7117'", "cluster.listen", "listen = \"127.0.0.1:7117\""),
        (BASE, "", "cluster.peer", "{hostname}:7117"),
        (BASE, "peer = 'ams:7117'", "cluster.peer", "same for every node"),
        (BASE, "peer = '{hostname}'", "cluster.peer", "has no port"),
        (BASE, "peer = '{hostname}.{app}:7117'", "cluster.peer", "other than `{hostname}`"),
        (BASE, "peer = '{hostname}:70000'", "cluster.peer", "1 to 65535"),
        (BASE, "peers = { a = '10.0.0.1' }", "cluster.peers", "has no port"),
        (BASE, "peers = { a = 'fdaa::1:7117' }", "cluster.peers", "without brackets"),
        (BASE, "peers = { a = 7117 }", "cluster.peers", "only texts"),
        (BASE, "peers = ['a']", "cluster.peers", "a table of texts"),
        (BASE, "peers = { a = 'h:1' }\nnodes = ['a', 'b']", "cluster.nodes", "`b` has no address"),
        (BASE, "peer = '{hostname}:1'\nnodes = ['a', 'a']", "cluster.nodes", "there twice"),
        (BASE, "peer = '{hostname}:1'\nnodes = []", "cluster.nodes", "it is empty"),
        (BASE, "peer = '{hostname}:1'\nnodes = 'a'", "cluster.nodes", "dns:NAME"),
        (BASE, "peer = '{hostname}:1'\nnodes = 'dns:'", "cluster.nodes", "no name"),
        (BASE, "peer = '{hostname}:1'\nnodes = 'dns:a:x'", "cluster.nodes", "no port"),
        (BASE, "peer = '{hostname}:1'\nnodes = ['${NOT_SET}']", "cluster.nodes", "NOT_SET is not set"),
    ] {
        let error =
            settings(&format!("{REPO}[litefs]\n[cluster]\n{base}{line}"), []).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{setting}`")), "{line}: {error}");
        assert!(error.contains(says), "{line}: {error}");
    }
}

#[test]
fn a_wrong_address_of_litefs_is_refused_and_its_password_not_shown() {
    for (http, says) in [
        ("127.0.0.1:20202", "not a URL"),
        ("https://127.0.0.1:20202", "plain HTTP"),
        ("http://127.0.0.1:20202/info", "nothing behind"),
        ("http://me:hunter2@127.0.0.1:20202", "a user or a password"),
    ] {
        let error = Config::new("a.db").litefs_http(http).resolve().unwrap_err().to_string();
        assert!(error.starts_with("`litefs.http` (set in code)") && error.contains(says), "{http}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_mistake_in_the_environment_is_told_with_its_variable() {
    for (variable, value, says) in [
        ("LITEFS_DIESEL__REPO__REPO__POOL_SIZE", "many", "has to be an integer"),
        ("LITEFS_DIESEL__REPO__REPO__POOL_SIZE", "0", "1 to 1024"),
        ("LITEFS_DIESEL__REPO__REPO__FOREIGN_KEYS", "yes", "`true` or `false`"),
        ("LITEFS_DIESEL__REPO__REPO__TIMEOUT", "${NOT_SET}", "NOT_SET is not set"),
        ("LITEFS_DIESEL__REPO__REPO__POOL", "3", "pool_size"),
        ("LITEFS_DIESEL__REPO__POOL_SIZE", "3", "LITEFS_DIESEL__REPO__NAME__POOL_SIZE"),
        ("LITEFS_DIESEL__LITEFS__URL", "3", "http, start_timeout"),
        ("LITEFS_DIESEL__CLUSTER__PASSWORD", "3", "secret_file"),
        ("LITEFS_DIESEL__POOL_SIZE", "3", "LITEFS_DIESEL__REPO__NAME__KEY"),
    ] {
        let error = from_environment([("DATABASE_URL", "a.db"), (variable, value)]).unwrap_err().to_string();
        assert!(error.contains(&format!("environment variable {variable}")), "{error}");
        assert!(error.contains(says), "{variable}: {error}");
    }
}

#[test]
fn a_mistake_that_a_higher_source_covers_is_none() {
    let toml = format!("{REPO}pool_size = '${{NOT_SET}}'\ntimeout = 0");
    let config = Folder::with(&toml).load([("LITEFS_DIESEL__REPO__REPO__POOL_SIZE", "4")]).unwrap();
    let config = config.timeout(std::time::Duration::from_secs(1));
    assert_eq!(config.resolve().unwrap().repos["Repo"].pool_size, 4);
}

#[test]
fn a_database_that_is_set_nowhere_or_twice_is_an_error() {
    let error = from_environment([]).unwrap_err().to_string();
    assert!(error.contains("`repo.Repo.database` is not set") && error.contains("DATABASE_URL"), "{error}");
    let empty = from_environment([("DATABASE_URL", "")]).unwrap_err();
    assert!(matches!(empty, StartError::Missing { .. }), "an empty variable counts as not set: {empty}");
    let two = "[repo.A]\n[repo.B]\ndatabase = 'b.db'";
    let error = settings(two, [("DATABASE_URL", "a.db")]).unwrap_err().to_string();
    assert!(error.contains("`repo.A.database`") && error.contains("several"), "{error}");
    let error = Config::new("a.db").database("Audit", "b.db").resolve().unwrap_err().to_string();
    assert!(error.contains("Config::new"), "{error}");
}

#[test]
fn a_database_in_memory_is_refused_with_the_alternative() {
    for url in
        [":memory:", "file::memory:", "sqlite://:memory:", "file:x?mode=memory", "file:/x?vfs=memdb", "file:"]
    {
        let error = Config::new(url).resolve().unwrap_err().to_string();
        assert!(error.contains("Config::temporary()"), "{url}: {error}");
    }
}

#[test]
fn the_url_of_another_database_is_refused_and_not_shown() {
    let error = from_environment([("DATABASE_URL", "postgres://me:hunter2@host/db")]).unwrap_err();
    assert!(matches!(&error, StartError::Value { .. }));
    assert!(error.to_string().contains("DATABASE_URL") && !error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn a_file_that_was_named_has_to_be_there() {
    let folder = Folder::with("");
    let path = folder.0.path().join("other.toml");
    let error = Config::load_from(&path).unwrap_err().to_string();
    assert!(error.contains("other.toml") && error.contains("create it"), "{error}");
}

#[test]
fn debug_shows_no_value() {
    let folder = Folder::with("[repo.Repo]\ndatabase = 'file:a.db?key=${SECRET}'\nnope_is_unknown = 1");
    let error = folder.load([("SECRET", "hunter2")]).unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"));
    let folder = Folder::with("[repo.Repo]\ndatabase = 'file:a.db?key=${SECRET}'");
    let config = folder.load([("SECRET", "hunter2"), ("DATABASE_URL", "hunter2")]).unwrap();
    let config =
        config.repo("Repo", RepoConfig::default().journal_mode(JournalMode::Wal)).node_name("hunter2");
    let all = format!("{config:?} {:?}", config.resolve().unwrap().repos);
    assert!(!all.contains("hunter2") && all.contains("repo.Repo.database"), "{all}");
    assert!(!format!("{:?}", RepoConfig::new("hunter2")).contains("hunter2"));
}
