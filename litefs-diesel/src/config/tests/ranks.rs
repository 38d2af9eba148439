//! Which source wins, and which repo is meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::{Connection, RunQueryDsl, SqliteConnection};

use super::super::{Config, JournalMode, Nodes, RepoConfig};
use super::{Folder, from_environment, settings};

/// In which source of each pair a value stands, and which one wins.
#[test]
fn of_each_pair_of_sources_the_one_of_the_higher_rank_wins() {
    let file = "[repo.Repo]\ndatabase = '/file.db'\npool_size = 2";
    let bare = "[repo.Repo]\npool_size = 2";
    let variable = ("LITEFS_DIESEL__REPO__REPO__DATABASE", "/environment.db");
    let url = ("DATABASE_URL", "/url.db");
    let none = ("UNRELATED", "");
    let cases = [
        (file, none, none, None, "/file.db"),
        (file, none, url, None, "/file.db"),
        (file, variable, none, None, "/environment.db"),
        (file, variable, url, None, "/environment.db"),
        (file, none, none, Some("/code.db"), "/code.db"),
        (bare, none, url, None, "/url.db"),
        (bare, variable, url, None, "/environment.db"),
        (bare, variable, none, Some("/code.db"), "/code.db"),
        (bare, none, url, Some("/code.db"), "/code.db"),
        ("", none, url, None, "/url.db"),
        ("", variable, url, None, "/environment.db"),
        ("", none, none, Some("/code.db"), "/code.db"),
    ];
    for (toml, variable, url, code, expected) in cases {
        let mut config = Folder::with(toml).load([variable, url]).unwrap();
        if let Some(database) = code {
            config = config.database("Repo", database);
        }
        let settings = config.resolve().unwrap();
        let repo = settings.repo("Repo").unwrap();
        assert_eq!(repo.database.file().to_str(), Some(expected), "{toml:?} {variable:?} {url:?} {code:?}");
    }
}

#[test]
fn what_the_code_sets_for_every_repo_ranks_below_what_it_sets_for_one_and_above_the_rest() {
    let config = Folder::with("[repo.A]\ndatabase = 'a.db'\npool_size = 2\n[repo.B]\ndatabase = 'b.db'")
        .load([("LITEFS_DIESEL__REPO__B__POOL_SIZE", "3"), ("LITEFS_DIESEL__REPO__B__TIMEOUT", "3s")])
        .unwrap()
        .pool_size(7)
        .repo("A", RepoConfig::default().pool_size(9));
    let settings = config.resolve().unwrap();
    assert_eq!(settings.repos["A"].pool_size, 9);
    assert_eq!(settings.repos["B"].pool_size, 7);
    assert_eq!(settings.repos["B"].timeout, Duration::from_secs(3));
}

#[test]
fn defaults_are_the_documented_ones() {
    let settings = Config::new("app.db").litefs_http("http://127.0.0.1:20202").resolve().unwrap();
    let repo = settings.repo("Anything").unwrap();
    let seconds = Duration::from_secs;
    assert_eq!((repo.journal_mode, repo.foreign_keys, repo.pool_size), (None, true, 5));
    assert_eq!((repo.on_open.busy_timeout, repo.timeout), (seconds(5), seconds(10)));
    assert_eq!((repo.transaction_idle, repo.transaction_total), (seconds(5), seconds(30)));
    assert_eq!((repo.queue_length, repo.max_batch, repo.transactions_waiting), (1_024, 512, 64));
    assert_eq!((repo.ledger_result, repo.ledger_keep, repo.ledger), (65_536, seconds(3_600), true));
    assert_eq!(settings.litefs.unwrap().start_timeout, seconds(30));
    assert_eq!((settings.cluster.name.as_str(), settings.cluster.listen), ("litefs-diesel", None));
}

#[test]
fn an_environment_without_case_finds_the_repo_of_the_file_and_of_the_code() {
    let folder = Folder::with("[repo.MyRepo]\ndatabase = 'a.db'\n[repo.Other__Repo]\ndatabase = 'b.db'");
    for variable in ["LITEFS_DIESEL__REPO__MYREPO__POOL_SIZE", "LITEFS_DIESEL__repo__myrepo__pool_size"] {
        let settings = folder.load([(variable, "9")]).unwrap().resolve().unwrap();
        assert_eq!(settings.repos["MyRepo"].pool_size, 9, "{variable}");
        assert_eq!(settings.repos.len(), 2, "{variable}");
    }
    let settings =
        folder.load([("LITEFS_DIESEL__REPO__OTHER__REPO__POOL_SIZE", "8")]).unwrap().resolve().unwrap();
    assert_eq!(settings.repos["Other__Repo"].pool_size, 8);
    let config = folder.load([("LITEFS_DIESEL__REPO__AUDIT__POOL_SIZE", "7")]).unwrap();
    assert_eq!(config.database("Audit", "c.db").resolve().unwrap().repos["Audit"].pool_size, 7);
}

#[test]
fn a_repo_that_only_the_environment_names_is_found_in_any_case() {
    let settings = from_environment([
        ("LITEFS_DIESEL__REPO__SHOP__DATABASE", "a.db"),
        ("LITEFS_DIESEL__REPO__shop__POOL_SIZE", "3"),
    ])
    .unwrap();
    assert_eq!(settings.repos.len(), 1);
    assert_eq!(settings.repo("Shop").unwrap().pool_size, 3);
    assert!(settings.repo("Other").unwrap_err().to_string().contains("`repo.Other` is not set"));
}

#[test]
fn names_that_differ_only_in_case_are_told_apart_or_refused() {
    let toml = "[repo.Shop]\ndatabase = 'a.db'\n[repo.SHOP]\ndatabase = 'b.db'";
    let set = settings(toml, [("LITEFS_DIESEL__REPO__SHOP__POOL_SIZE", "3")]).unwrap();
    assert_eq!((set.repos["SHOP"].pool_size, set.repos["Shop"].pool_size), (3, 5));
    let error = settings(toml, [("LITEFS_DIESEL__REPO__shop__POOL_SIZE", "3")]).unwrap_err().to_string();
    assert!(error.contains("may mean any of"), "{error}");
    let twice = [("LITEFS_DIESEL__REPO__a__POOL_SIZE", "3"), ("LITEFS_DIESEL__REPO__A__POOL_SIZE", "4")];
    let error = settings("[repo.A]\ndatabase = 'a.db'", twice).unwrap_err().to_string();
    assert!(error.contains("differ only in case"), "{error}");
}

#[test]
fn the_only_repo_without_a_name_serves_whoever_asks() {
    let settings = Config::new("app.db").resolve().unwrap();
    assert_eq!(settings.repo("Shop").unwrap().name, "Repo");
    let settings = Config::new("app.db").for_repo("Shop").resolve().unwrap();
    assert_eq!(settings.repo("Shop").unwrap().name, "Shop");
    let named = Config::default().database("Shop", "app.db").for_repo("Other").resolve().unwrap();
    assert!(named.repo("Other").is_err());
}

#[test]
fn every_setting_is_read_from_the_file() {
    let settings = settings(
        r#"
        [repo.Repo]
        database = "/data/${APP}.db"
        priv = "priv/repo"
        journal_mode = "PERSIST"
        foreign_keys = false
        pool_size = "${POOL}"
        busy_timeout = 250
        queue_length = 10
        timeout = "2s"
        transaction_idle = "100ms"
        transaction_total = "1m"
        max_batch = 0x10
        [litefs]
        http = "http://[::1]:20202/"
        start_timeout = 0
        [cluster]
        name = "shop"
        node = "ams"
        listen = "[${IP}]:7117"
        insecure = true
        peer = "{hostname}.vm.${APP}.internal:7117"
        peers = { ord = "10.0.0.2:7118" }
        nodes = ["ams", "${OTHER}"]
        "#,
        [("APP", "shop"), ("POOL", "3"), ("IP", "::1"), ("OTHER", "ord")],
    )
    .unwrap();
    let repo = settings.repo("Repo").unwrap();
    assert_eq!(repo.database.file().to_str(), Some("/data/shop.db"));
    assert_eq!((repo.journal_mode, repo.foreign_keys), (Some(JournalMode::Persist), false));
    assert_eq!((repo.pool_size, repo.queue_length, repo.max_batch), (3, 10, 16));
    assert_eq!(
        (repo.on_open.busy_timeout, repo.timeout),
        (Duration::from_millis(250), Duration::from_secs(2))
    );
    assert_eq!(repo.transaction_idle, Duration::from_millis(100));
    assert_eq!(repo.transaction_total, Duration::from_secs(60));
    let litefs = settings.litefs.unwrap();
    assert_eq!((litefs.http.as_str(), litefs.start_timeout), ("http://[::1]:20202", Duration::ZERO));
    let cluster = settings.cluster;
    assert_eq!((cluster.name.as_str(), cluster.node.as_str()), ("shop", "ams"));
    assert_eq!(cluster.listen.map(|address| address.to_string()).as_deref(), Some("[::1]:7117"));
    assert_eq!(cluster.nodes, Some(Nodes::List(vec!["ams".to_owned(), "ord".to_owned()])));
    assert_eq!(cluster.peer.as_deref(), Some("{hostname}.vm.shop.internal:7117"));
    assert_eq!(cluster.peers["ord"], "10.0.0.2:7118");
}

#[test]
fn lists_and_tables_come_from_the_environment_too() {
    let base = [
        ("DATABASE_URL", "app.db"),
        ("LITEFS_DIESEL__LITEFS__HTTP", "http://127.0.0.1:20202"),
        ("LITEFS_DIESEL__CLUSTER__LISTEN", "127.0.0.1:${PORT}"),
        ("PORT", "7000"),
        ("LITEFS_DIESEL__CLUSTER__INSECURE", "true"),
        ("LITEFS_DIESEL__CLUSTER__PEERS", "a=h1:1, b=[::1]:2,"),
    ];
    let [b0, b1, b2, b3, b4, b5] = base;
    let cluster = |nodes| {
        from_environment([b0, b1, b2, b3, b4, b5, ("LITEFS_DIESEL__CLUSTER__NODES", nodes)]).unwrap().cluster
    };
    assert_eq!(cluster("a, b").nodes, Some(Nodes::List(vec!["a".to_owned(), "b".to_owned()])));
    assert_eq!(
        cluster("dns:app.internal").nodes,
        Some(Nodes::Dns { name: "app.internal".to_owned(), port: 7000 })
    );
    assert_eq!(cluster("dns:app:9").nodes, Some(Nodes::Dns { name: "app".to_owned(), port: 9 }));
    assert_eq!(cluster("a").peers["b"], "[::1]:2");
}

#[test]
fn an_empty_litefs_section_is_enough_and_cluster_is_not_looked_at_without_one() {
    let toml = "[repo.Repo]\ndatabase = 'a.db'\n";
    let with = settings(&format!("{toml}[litefs]"), []).unwrap();
    assert_eq!(with.litefs.unwrap().http, "http://127.0.0.1:20202");
    let alone = settings(&format!("{toml}[cluster]\nlisten = '${{NOT_SET}}'"), []).unwrap();
    assert!(alone.is_alone());
    assert_eq!(alone.cluster.listen, None);
}

#[test]
fn the_file_is_found_upwards_and_its_paths_count_from_its_folder() {
    let folder = Folder::with("[repo.Repo]\ndatabase = 'data/app.db'");
    let below = folder.0.path().join("a/b");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::create_dir(folder.0.path().join("data")).unwrap();
    assert_eq!(super::super::file::find(&below), Some(folder.file()));
    let settings = folder.load([]).unwrap().resolve().unwrap();
    let expected = folder.0.path().canonicalize().unwrap().join("data/app.db");
    assert_eq!(settings.repos["Repo"].database.file(), expected);
    let tool = folder.load([]).unwrap().for_tool().unwrap();
    assert_eq!(tool.root.as_deref(), folder.file().parent());
}

#[test]
fn a_temporary_database_lives_as_long_as_somebody_holds_it() {
    let config = Config::temporary().repo("A", RepoConfig::default()).repo("B", RepoConfig::default());
    let settings = config.resolve().unwrap();
    let [a, b] = ["A", "B"].map(|name| settings.repos[name].database.clone());
    assert_ne!(a.file(), b.file());
    drop(config);
    let mut conn = SqliteConnection::establish(&a.create()).unwrap();
    diesel::sql_query("CREATE TABLE t (x)").execute(&mut conn).unwrap();
    drop(conn);
    assert!(a.exists().unwrap());
    drop(settings);
    assert!(!a.file().parent().unwrap().exists());
}

#[test]
fn hooks_run_in_order_for_their_repo_after_the_settings() {
    let calls = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let count = |index: usize| {
        let calls = calls.clone();
        move |conn: &mut SqliteConnection| {
            calls[index].fetch_add(1, Ordering::SeqCst);
            let timeout: i32 = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(
                "(SELECT timeout FROM pragma_busy_timeout)",
            ))
            .get_result(conn)?;
            assert_eq!(timeout, 1_234, "the hook came before the settings");
            Ok(())
        }
    };
    let repo = RepoConfig::default().busy_timeout(Duration::from_millis(1_234));
    let config = Config::temporary()
        .repo("A", repo.clone())
        .repo("B", repo)
        .on_open(count(0))
        .on_open_for("B", count(1));
    let settings = config.resolve().unwrap();
    for (name, expected) in [("A", (1, 0)), ("B", (2, 1))] {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        settings.repos[name].on_open.run(&mut conn).unwrap();
        assert_eq!((calls[0].load(Ordering::SeqCst), calls[1].load(Ordering::SeqCst)), expected, "{name}");
    }
    let error =
        Config::temporary().repo("A", RepoConfig::default()).on_open_for("Typo", |_| Ok(())).resolve();
    assert!(error.unwrap_err().to_string().contains("repo.Typo"));
    let unnamed = Config::new("a.db").on_open_for("Repo", |_| Ok(())).resolve().unwrap();
    assert_eq!(unnamed.repo("Repo").unwrap().on_open.hooks.len(), 1);
}
