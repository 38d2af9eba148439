//! `establish`, and what pools ask of a connection.

use diesel::migration::MigrationConnection;
use diesel::r2d2::{ConnectionManager, Pool, R2D2Connection, TestCustomizer};

use super::*;

/// One of several kinds, as an application may want it.
#[derive(diesel::MultiConnection)]
enum AnyConnection {
    Litefs(LitefsConnection),
    #[allow(dead_code)]
    Bare(SqliteConnection),
}

#[test]
fn establish_attaches_to_the_node_that_serves_the_file_and_is_else_alone() {
    let node = Node::new();
    let url = node.url();
    let link = node.path("link.db");
    std::os::unix::fs::symlink(&url, &link).unwrap();
    for url in [
        url.clone(),
        format!("sqlite://{url}"),
        format!("file:{url}"),
        format!("file://{url}?mode=rwc"),
        link.display().to_string(),
        format!(
            "{}/../{}/app.db",
            node.folder.path().display(),
            node.folder.path().file_name().unwrap().display()
        ),
    ] {
        let conn = LitefsConnection::establish(&url).unwrap();
        assert_eq!(format!("{conn:?}"), "LitefsConnection(repo Repo)", "{url}");
    }
    for url in
        [":memory:".to_owned(), node.path("other.db").display().to_string(), format!("file:{url}?mode=ro")]
    {
        let conn = LitefsConnection::establish(&url).unwrap();
        assert_eq!(format!("{conn:?}"), "LitefsConnection(alone)", "{url}");
    }
    registry::unregister(&node.access);
    assert_eq!(format!("{:?}", LitefsConnection::establish(&url).unwrap()), "LitefsConnection(alone)");
}

#[test]
fn a_connection_that_is_alone_is_a_bare_one() {
    let mut conn = LitefsConnection::establish(":memory:").unwrap();
    conn.batch_execute(
        "CREATE TEMP TABLE x (n INTEGER); INSERT INTO x VALUES (3); ATTACH ':memory:' AS other",
    )
    .unwrap();
    conn.batch_execute("PRAGMA foreign_keys = OFF; VACUUM").unwrap();
    assert_eq!(number(&mut conn, "SELECT n FROM x"), 3);
    assert_eq!(number(&mut conn, "SELECT last_insert_rowid() AS n"), 1);
    assert!(LitefsConnection::establish("/no/such/folder/x.db").is_err());
}

#[test]
fn it_works_in_r2d2_and_a_transaction_left_open_breaks_it() {
    let node = Node::new();
    let pool = Pool::builder()
        .max_size(2)
        .test_on_check_out(true)
        .build(ConnectionManager::<LitefsConnection>::new(node.url()))
        .unwrap();
    diesel::insert_into(users::table)
        .values(users::name.eq("Ada"))
        .execute(&mut pool.get().unwrap())
        .unwrap();
    let mut conn = pool.get().unwrap();
    conn.transaction(|conn| diesel::insert_into(users::table).values(users::name.eq("Bob")).execute(conn))
        .unwrap();
    assert!(!conn.is_broken());
    for begin in ["BEGIN", "SAVEPOINT a"] {
        let mut conn = node.connection();
        conn.batch_execute(begin).unwrap();
        assert!(conn.is_broken(), "{begin} would keep all writers waiting");
        conn.batch_execute("ROLLBACK").unwrap();
        assert!(!conn.is_broken());
        conn.ping().unwrap();
    }
    assert_eq!(node.users(), 2);
}

#[test]
fn a_test_transaction_stays_in_its_pool_and_never_commits() {
    let node = Node::new();
    let pool = Pool::builder()
        .max_size(1)
        .connection_customizer(Box::new(TestCustomizer))
        .build(ConnectionManager::<LitefsConnection>::new(node.url()))
        .unwrap();
    let add = |name: &str| {
        let mut conn = pool.get().unwrap();
        diesel::insert_into(users::table).values(users::name.eq(name)).execute(&mut conn).unwrap();
        users::table.count().get_result::<i64>(&mut conn).unwrap()
    };
    assert_eq!((add("a"), add("b")), (1, 2), "one connection, one transaction");
    drop(pool);
    insert(&mut node.connection(), "c").unwrap();
    assert_eq!(node.users(), 1);
}

#[test]
fn it_sets_up_the_table_of_migrations() {
    let node = Node::new();
    let mut conn = node.connection();
    conn.setup().unwrap();
    conn.setup().unwrap();
    assert_eq!(number(&mut conn, "SELECT count(*) AS n FROM __diesel_schema_migrations"), 0);
}

#[test]
fn it_has_all_that_diesel_asyncs_wrapper_and_multi_connection_ask_for() {
    fn wrapped<C>()
    where
        C: diesel::connection::LoadConnection + diesel::connection::WithMetadataLookup + Send + 'static,
        C::TransactionManager: Send,
        for<'c, 'q> C::Row<'c, 'q>: diesel::row::IntoOwnedRow<'c, C::Backend>,
    {
    }
    wrapped::<LitefsConnection>();
    let mut any = AnyConnection::Litefs(LitefsConnection::establish(":memory:").unwrap());
    any.batch_execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER)")
        .unwrap();
    diesel::insert_into(users::table).values(users::name.eq("Ada")).execute(&mut any).unwrap();
    assert_eq!(users::table.select(users::name).load::<String>(&mut any).unwrap(), ["Ada"]);
}
