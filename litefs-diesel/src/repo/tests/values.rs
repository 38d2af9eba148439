//! All storage classes and their edges go through each way in and back.

use super::*;
use crate::ReadLevel;

diesel::table! {
    things {
        id -> Integer,
        big -> Nullable<BigInt>,
        real -> Nullable<Double>,
        text -> Nullable<Text>,
        blob -> Nullable<Binary>,
    }
}

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
        thing(3, 0, -0.5, "naïve 🦀", vec![7; 1024 * 1024]),
        Thing { id: 4, big: None, real: None, text: None, blob: None },
    ]
}

#[test]
fn the_edges_of_all_storage_classes_come_back_equal() {
    let test = TestRepo::new();
    let repo = &test.repo;
    let create = "CREATE TABLE things (id INTEGER PRIMARY KEY, big INTEGER, real REAL, text TEXT, blob BLOB)";
    done(repo.execute(diesel::sql_query(create))).unwrap();
    let stored: Vec<Thing> = done(repo.insert_all_returning(things::table, edges())).unwrap();
    assert_eq!(stored, edges());
    for level in [ReadLevel::Local, ReadLevel::Primary] {
        let read: Vec<Thing> = done(repo.all(things::table.order(things::id)).at(level)).unwrap();
        assert_eq!(read, edges());
    }
    for thing in edges() {
        let by_value: Thing =
            done(repo.one(things::table.filter(things::id.eq(thing.id))).required()).unwrap();
        assert_eq!(by_value, thing);
        let updated: Thing = done(repo.update(&thing)).unwrap();
        assert_eq!(updated, thing);
        let upserted: Thing = done(repo.upsert(things::table, &thing, things::id)).unwrap();
        assert_eq!(upserted, thing);
        if let (Some(text), Some(blob)) = (&thing.text, &thing.blob) {
            let same = things::text.eq(text).and(things::blob.eq(blob));
            assert_eq!(done(repo.get_by::<Thing, _>(things::table, same)).unwrap(), Some(thing));
        }
    }
}
