//! All storage classes with their edges, there and back.

use diesel::prelude::*;
use diesel::sql_types::Text;
use litefs_diesel::{Error, ReadLevel};
use serde_json::{Value, json};

use super::schema::things;
use super::{Case, Repo, cases, seen};

pub(super) const CASES: &[Case] =
    cases![edges_come_back_equal, edges_as_keys_and_in_filters, not_a_number, text_that_is_not_utf8];

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, Identifiable, AsChangeset)]
#[diesel(table_name = things)]
#[diesel(treat_none_as_null = true)]
struct Thing {
    id: i32,
    big: Option<i64>,
    real: Option<f64>,
    text: Option<String>,
    blob: Option<Vec<u8>>,
}

fn edges() -> Vec<Thing> {
    let thing = |id, big, real, text: &str, blob: Vec<u8>| Thing {
        id,
        big: Some(big),
        real: Some(real),
        text: Some(text.into()),
        blob: Some(blob),
    };
    vec![
        thing(1, i64::MIN, f64::MIN, "", vec![]),
        thing(2, i64::MAX, f64::INFINITY, "a\0b", vec![0, 255, 0]),
        thing(3, 0, f64::NEG_INFINITY, "\0", (0..=255).collect()),
        thing(4, -1, -0.0, "naïve 🦀 \u{10ffff}", vec![7; 1024 * 1024]),
        thing(5, 1, f64::MIN_POSITIVE, &"x".repeat(100_000), vec![0; 4096]),
        Thing { id: 6, big: None, real: None, text: None, blob: None },
    ]
}

/// What SQLite says they are.
async fn classes(repo: &Repo) -> Result<Vec<String>, Error> {
    let text = "id || ' ' || typeof(big) || ' ' || big || ' ' || typeof(real) || ' ' || real || ' ' || \
                typeof(text) || ' ' || length(CAST(text AS BLOB)) || ' ' || typeof(blob) || ' ' || length(blob)";
    let shown = diesel::dsl::sql::<diesel::sql_types::Nullable<Text>>(text);
    let rows: Vec<Option<String>> = repo.all(things::table.order(things::id).select(shown)).await?;
    Ok(rows.into_iter().map(Option::unwrap_or_default).collect())
}

async fn edges_come_back_equal(repo: Repo) -> Result<Value, Error> {
    let stored: Vec<Thing> = repo.insert_all_returning(things::table, edges()).await?;
    assert_eq!(stored, edges());
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        let read: Vec<Thing> = repo.all(things::table.order(things::id)).at(level).await?;
        assert_eq!(read, edges());
    }
    let inside = repo.transaction(|conn| Ok::<_, Error>(things::table.order(things::id).load(conn)?));
    let inside: Vec<Thing> = inside.await?;
    assert_eq!(inside, edges());
    Ok(json!(classes(&repo).await?))
}

async fn edges_as_keys_and_in_filters(repo: Repo) -> Result<Value, Error> {
    for thing in edges() {
        let inserted: Thing = repo.insert(things::table, &thing).await?;
        let updated: Thing = repo.update(&thing).await?;
        let upserted: Thing = repo.upsert(things::table, &thing, things::id).await?;
        assert_eq!([&inserted, &updated, &upserted], [&thing; 3]);
        if let (Some(text), Some(blob)) = (&thing.text, &thing.blob) {
            let same = things::text.eq(text).and(things::blob.eq(blob)).and(things::real.eq(thing.real));
            assert_eq!(repo.get_by(things::table, same).await?, Some(thing));
        }
    }
    Ok(json!(classes(&repo).await?))
}

/// SQLite keeps NaN as NULL.
async fn not_a_number(repo: Repo) -> Result<Value, Error> {
    let nan = (things::id.eq(1), things::real.eq(f64::NAN));
    let returned: Vec<Option<f64>> =
        repo.returning(diesel::insert_into(things::table).values(nan).returning(things::real)).await?;
    Ok(json!([returned, classes(&repo).await?]))
}

async fn text_that_is_not_utf8(repo: Repo) -> Result<Value, Error> {
    let insert = "INSERT INTO things (id, text) VALUES (1, CAST(x'61ff62' AS TEXT)) RETURNING text";
    #[derive(QueryableByName, serde::Serialize)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    let returned = seen(repo.returning::<Row>(diesel::sql_query(insert)).await);
    let query = things::table.select(things::text);
    let mut read = Vec::new();
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        read.push(seen(repo.all::<Option<String>>(query).at(level).await));
    }
    let inside = repo.transaction(move |conn| Ok::<_, Error>(query.load::<Option<String>>(conn)?)).await;
    let bytes: Vec<Vec<u8>> = repo
        .all(things::table.select(diesel::dsl::sql::<diesel::sql_types::Binary>("CAST(text AS BLOB)")))
        .await?;
    Ok(json!([returned, read, seen(inside), bytes]))
}
