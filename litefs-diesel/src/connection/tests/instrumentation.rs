//! The application's instrumentation hears of each statement once, wherever it runs.

use std::sync::Mutex;

use diesel::connection::{CacheSize, Instrumentation, InstrumentationEvent};

use super::*;

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Instrumentation for Heard {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        let told = match event {
            InstrumentationEvent::StartQuery { query, .. } => format!("start {query}"),
            InstrumentationEvent::FinishQuery { query, error, .. } => {
                format!("finish {query}{}", if error.is_some() { " with an error" } else { "" })
            }
            InstrumentationEvent::BeginTransaction { depth, .. } => format!("begin {depth}"),
            InstrumentationEvent::CommitTransaction { depth, .. } => format!("commit {depth}"),
            InstrumentationEvent::RollbackTransaction { depth, .. } => format!("rollback {depth}"),
            // Where a statement is kept prepared is not the same.
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }
}

macro_rules! body {
    ($name:ident, $Conn:ty) => {
        fn $name(conn: &mut $Conn) -> Vec<String> {
            let heard = Heard::default();
            conn.set_instrumentation(heard.clone());
            let ada = || diesel::insert_into(users::table).values((users::name.eq("Ada"), users::age.eq(36)));
            ada().execute(conn).unwrap();
            ada().execute(conn).unwrap_err();
            users::table.filter(users::age.gt(3)).load::<(i32, String, Option<i32>)>(conn).unwrap();
            diesel::update(users::table)
                .set(users::age.eq(4))
                .returning(users::id)
                .load::<i32>(conn)
                .unwrap();
            diesel::sql_query("SELECT nope").execute(conn).unwrap_err();
            conn.batch_execute("SELECT 1; SELECT 2").unwrap();
            conn.batch_execute("INSERT INTO users (name) VALUES ('b'); PRAGMA cache_size = 100; -- c")
                .unwrap();
            diesel::sql_query("PRAGMA cache_size = 200").execute(conn).unwrap();
            diesel::sql_query("SELECT optimize(f3) AS w FROM f3 LIMIT 1").load::<Word>(conn).unwrap();
            conn.transaction(|conn| {
                users::table.count().get_result::<i64>(conn)?;
                conn.transaction(|conn| ada().execute(conn)).unwrap_err();
                QueryResult::Ok(())
            })
            .unwrap();
            assert!(conn.instrumentation().as_any().is::<Heard>(), "it is the application's own");
            let heard = heard.0.lock().unwrap();
            heard.clone()
        }
    };
}

body!(on_bare, SqliteConnection);
body!(on_litefs, LitefsConnection);

#[test]
fn each_statement_is_heard_of_once_with_diesels_text() {
    let expected = on_bare(&mut bare());
    for (on_node, expected) in on_litefs(&mut Node::new().connection()).iter().zip(&expected) {
        assert_eq!(on_node, expected);
    }
}

#[test]
fn it_moves_with_the_connection_when_the_file_is_opened_anew() {
    let node = Node::new();
    let mut conn = node.connection();
    let heard = Heard::default();
    conn.set_instrumentation(heard.clone());
    conn.set_prepared_statement_cache_size(CacheSize::Disabled);
    node.access.readers.renew();
    number(&mut conn, "SELECT 1 AS n");
    conn.close_file().unwrap();
    assert!(conn.instrumentation().as_any().is::<Heard>());
    number(&mut conn, "SELECT 2 AS n");
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.iter().filter(|event| event.starts_with("start")).count(), 2, "{heard:?}");
}
