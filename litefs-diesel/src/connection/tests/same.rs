//! One body of Diesel code, run on a bare `SqliteConnection`, on a connection that is alone, and on
//! one of a node: everything that it can observe is equal.

use diesel::connection::DefaultLoadingMode;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use diesel::upsert::excluded;

use super::*;

#[derive(Queryable, Selectable, Identifiable, AsChangeset, Insertable, Debug, PartialEq, Clone)]
#[diesel(table_name = users)]
struct User {
    id: i32,
    name: String,
    age: Option<i32>,
}

#[derive(Insertable)]
#[diesel(table_name = users)]
struct NewUser<'a> {
    name: &'a str,
    age: Option<i32>,
}

#[derive(Queryable, Selectable, Identifiable, Associations, Debug, PartialEq)]
#[diesel(table_name = posts, belongs_to(User))]
struct Post {
    id: i32,
    user_id: i32,
    title: String,
}

#[derive(QueryableByName, Debug)]
struct Named {
    #[diesel(sql_type = Text)]
    #[allow(dead_code)]
    name: String,
    #[diesel(sql_type = Nullable<Integer>)]
    #[allow(dead_code)]
    age: Option<i32>,
}

/// A type of the application's own.
#[derive(Debug, PartialEq, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
#[diesel(sql_type = Text)]
struct Upper(String);

impl diesel::serialize::ToSql<Text, diesel::sqlite::Sqlite> for Upper {
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, diesel::sqlite::Sqlite>,
    ) -> diesel::serialize::Result {
        out.set_value(self.0.to_uppercase());
        Ok(diesel::serialize::IsNull::No)
    }
}

impl diesel::deserialize::FromSql<Text, diesel::sqlite::Sqlite> for Upper {
    fn from_sql(value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> diesel::deserialize::Result<Self> {
        let text = <String as diesel::deserialize::FromSql<Text, diesel::sqlite::Sqlite>>::from_sql(value)?;
        Ok(Self(text.to_lowercase()))
    }
}

fn told<T: std::fmt::Debug>(log: &mut Vec<String>, what: &str, result: Result<T, Error>) {
    log.push(match result {
        Ok(value) => format!("{what}: {value:?}"),
        Err(Error::DatabaseError(kind, info)) => format!("{what}: {kind:?} {}", info.message()),
        Err(error) => format!("{what}: {error:?}"),
    });
}

macro_rules! body {
    ($name:ident, $Conn:ty) => {
        #[allow(clippy::too_many_lines)]
        fn $name(conn: &mut $Conn) -> Vec<String> {
            let mut log = Vec::new();
            let log = &mut log;
            let ada = || diesel::insert_into(users::table).values((users::name.eq("Ada"), users::age.eq(36)));
            told(log, "an insert", ada().execute(conn));
            told(log, "the same again", ada().execute(conn));
            let bad = || diesel::insert_into(users::table).values((users::name.eq("Bad"), users::age.eq(-1)));
            told(log, "a check", bad().execute(conn));
            let null = "INSERT INTO users (name) VALUES (NULL)";
            told(log, "a null", diesel::sql_query(null).execute(conn));
            told(log, "no such table", diesel::sql_query("INSERT INTO nope VALUES (1)").execute(conn));
            told(log, "no such column", diesel::sql_query("SELECT nope FROM users").execute(conn));
            told(log, "a syntax error", diesel::sql_query("SELEC 1").execute(conn));
            told(log, "an empty query", diesel::sql_query("").execute(conn));
            told(log, "a NUL", diesel::sql_query("SELECT 1\0").execute(conn));
            told(log, "a NUL in a batch", conn.batch_execute("SELECT 1\0"));
            told(log, "returning", diesel::insert_into(users::table)
                .values(&NewUser { name: "Bob", age: None })
                .returning(User::as_returning())
                .get_result(conn));
            told(log, "one of a struct with an option", diesel::insert_into(users::table)
                .values(&NewUser { name: "Cem", age: Some(7) })
                .execute(conn));
            told(log, "a batch with an option", diesel::insert_into(users::table)
                .values(&vec![NewUser { name: "Dan", age: None }, NewUser { name: "Eve", age: Some(1) }])
                .execute(conn));
            told(log, "a batch that fails", diesel::insert_into(users::table)
                .values(&vec![NewUser { name: "Fay", age: None }, NewUser { name: "Eve", age: Some(1) }])
                .execute(conn));
            told(log, "a batch without defaults", diesel::insert_into(posts::table)
                .values(&vec![
                    (posts::user_id.eq(1), posts::title.eq("one")),
                    (posts::user_id.eq(1), posts::title.eq("two")),
                ])
                .execute(conn));
            told(log, "an empty batch", diesel::insert_into(posts::table)
                .values(&Vec::<(diesel::dsl::Eq<posts::user_id, i32>, diesel::dsl::Eq<posts::title, &str>)>::new())
                .execute(conn));
            told(log, "load", users::table.select(User::as_select()).order(users::id).load(conn));
            told(log, "first", users::table.find(1).first::<User>(conn));
            told(log, "nothing", users::table.find(99).first::<User>(conn));
            told(log, "optional", users::table.find(99).first::<User>(conn).optional());
            told(log, "count", users::table.count().get_result::<i64>(conn));
            told(log, "a boxed query", users::table
                .into_boxed()
                .filter(users::name.like("%a%"))
                .order(users::name.desc())
                .select(users::name)
                .load::<String>(conn));
            told(log, "in a list", users::table.filter(users::id.eq_any([1, 3])).select(users::name).load::<String>(conn));
            told(log, "load_iter", (|| {
                let mut names = Vec::new();
                for row in users::table.select(users::name).load_iter::<String, DefaultLoadingMode>(conn)? {
                    names.push(row?);
                }
                QueryResult::Ok(names)
            })());
            told(log, "load_iter of a write", (|| {
                let update = diesel::update(users::table).set(users::age.eq(50)).returning(users::id);
                let mut ids = Vec::new();
                for row in update.load_iter::<i32, DefaultLoadingMode>(conn)? {
                    ids.push(row?);
                }
                ids.sort_unstable();
                QueryResult::Ok(ids)
            })());
            told(log, "by name", diesel::sql_query("SELECT age, name FROM users WHERE id < ? ORDER BY id")
                .bind::<Integer, _>(3)
                .load::<Named>(conn));
            told(log, "a write by name", diesel::sql_query("UPDATE users SET age = ? WHERE id = 1 RETURNING name, age")
                .bind::<Nullable<Integer>, _>(None::<i32>)
                .load::<Named>(conn));
            told(log, "save_changes", User { id: 1, name: "Ada L".into(), age: Some(37) }.save_changes::<User>(conn));
            told(log, "save_changes of nobody", User { id: 99, name: "No".into(), age: None }.save_changes::<User>(conn));
            told(log, "update", diesel::update(users::table.find(1)).set(users::age.eq(users::age + 1)).execute(conn));
            told(log, "update returning", diesel::update(users::table.find(1))
                .set(users::name.eq("Ada"))
                .returning((users::id, users::name))
                .get_result::<(i32, String)>(conn));
            told(log, "upsert", diesel::insert_into(users::table)
                .values(&User { id: 1, name: "Ada".into(), age: Some(40) })
                .on_conflict(users::id)
                .do_update()
                .set(users::age.eq(excluded(users::age)))
                .execute(conn));
            told(log, "upsert that does nothing", ada().on_conflict_do_nothing().execute(conn));
            told(log, "insert or ignore", diesel::insert_or_ignore_into(users::table)
                .values(users::name.eq("Ada"))
                .execute(conn));
            told(log, "replace", diesel::replace_into(users::table)
                .values(&User { id: 2, name: "Bob II".into(), age: None })
                .execute(conn));
            told(log, "insert from select", diesel::insert_into(posts::table)
                .values(users::table.select((users::id, users::name)).filter(users::id.lt(3)))
                .into_columns((posts::user_id, posts::title))
                .execute(conn));
            told(log, "a custom type", diesel::insert_into(users::table)
                .values(users::name.eq(Upper("gus".into())))
                .returning(users::name)
                .get_result::<Upper>(conn));
            told(log, "a custom type read", users::table
                .filter(users::name.eq(Upper("gus".into())))
                .select((users::name, users::name))
                .first::<(Upper, String)>(conn));
            told(log, "associations", (|| {
                let all = users::table.order(users::id).load::<User>(conn)?;
                let posts = Post::belonging_to(&all).order(posts::id).load::<Post>(conn)?;
                let grouped = posts.grouped_by(&all);
                QueryResult::Ok(all.into_iter().zip(grouped).collect::<Vec<_>>())
            })());
            told(log, "a join", users::table
                .inner_join(posts::table)
                .select((users::name, posts::title))
                .order(posts::id)
                .load::<(String, String)>(conn));
            told(log, "with insert", diesel::sql_query(
                "/* first */ WITH x (n) AS (SELECT 'Hal') INSERT INTO users (name) SELECT n FROM x RETURNING name, age",
            ).load::<Named>(conn));
            told(log, "no changes", diesel::update(users::table.find(1)).set(None::<diesel::dsl::Eq<users::age, i32>>).execute(conn));
            told(log, "count after a select", diesel::sql_query("SELECT 1").execute(conn));
            told(log, "delete", diesel::delete(users::table.filter(users::name.eq("Hal"))).execute(conn));
            told(log, "count after another", diesel::sql_query("SELECT 1").execute(conn));
            told(log, "create", diesel::sql_query("CREATE TABLE extra (a)").execute(conn));
            told(log, "create again", diesel::sql_query("CREATE TABLE extra (a)").execute(conn));
            told(log, "create if not exists", diesel::sql_query("CREATE TABLE IF NOT EXISTS extra (a)").execute(conn));
            told(log, "drop", diesel::sql_query("DROP TABLE extra").execute(conn));
            told(log, "drop if exists", diesel::sql_query("DROP TABLE IF EXISTS extra").execute(conn));
            told(log, "a batch", conn.batch_execute("CREATE TABLE extra (a); INSERT INTO extra VALUES (1), (2); -- done"));
            told(log, "the last write", diesel::select(diesel::dsl::sql::<(BigInt, BigInt)>(
                "last_insert_rowid(), changes()",
            )).get_result::<(i64, i64)>(conn));
            told(log, "explain", diesel::sql_query("EXPLAIN SELECT * FROM users").execute(conn));
            told(log, "user_version", conn.batch_execute("PRAGMA user_version = 7"));
            told(log, "user_version read", diesel::select(diesel::dsl::sql::<Integer>(
                "(SELECT user_version FROM pragma_user_version)",
            )).get_result::<i32>(conn));
            told(log, "a bind too many", diesel::sql_query("SELECT 1").bind::<Integer, _>(1).execute(conn));
            told(log, "a bind too many in a write", diesel::sql_query("DELETE FROM extra").bind::<Integer, _>(1).execute(conn));
            told(log, "a type that does not fit", users::table.select(diesel::dsl::sql::<Integer>("name")).load::<i32>(conn));
            told(log, "too large for the type", diesel::insert_into(users::table)
                .values(users::name.eq("Big"))
                .returning(diesel::dsl::sql::<diesel::sql_types::Date>("'x'"))
                .get_result::<String>(conn));
            std::mem::take(log)
        }
    };
}

body!(on_bare, SqliteConnection);
body!(on_litefs, LitefsConnection);

#[test]
fn a_body_of_diesel_code_gives_the_same_alone_and_on_a_node() {
    let expected = on_bare(&mut bare());
    let mut alone = LitefsConnection::establish(":memory:").unwrap();
    alone.batch_execute(SCHEMA).unwrap();
    assert_eq!(on_litefs(&mut alone), expected);
    let node = Node::new();
    let on_node = on_litefs(&mut node.connection());
    for (on_node, expected) in on_node.iter().zip(&expected) {
        assert_eq!(on_node, expected);
    }
    assert_eq!(on_node.len(), expected.len());
}
