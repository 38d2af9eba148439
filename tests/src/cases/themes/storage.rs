//! SQLite's storage classes and their edges, as they go in and come back.

use diesel::connection::SimpleConnection;
use diesel::dsl::{insert_into, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Double, Float, Integer, Nullable, SmallInt, Text};
use serde_json::{Value, json};

use super::Conn;
use crate::cases::models::Word;
use crate::cases::observe::{bits, bytes, seen, shown};
use crate::cases::schema::storage;

super::cases!("storage":
    null, integer_extremes, floats, floats_that_are_not_numbers, single_floats, booleans, empty_text_and_blob,
    nul_inside_text, unicode_text, long_text, short_blobs, blob_of_a_mebibyte,
    text_that_is_not_utf8, text_as_bytes, classes_stay_what_they_are, affinities,
    null_where_none_is_allowed, another_class_than_asked_for, integers_too_large_for_the_type,
    values_in_conditions, no_rows_and_no_columns, many_binds,
);

fn null(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(storage::table)
        .values((
            storage::id.eq(1),
            storage::text.eq(None::<String>),
            storage::blob.eq(None::<Vec<u8>>),
            storage::big.eq(None::<i64>),
            storage::double.eq(None::<f64>),
            storage::flag.eq(None::<bool>),
        ))
        .execute(conn)?;
    type Row = (Option<String>, Option<Vec<u8>>, Option<i64>, Option<f64>, Option<bool>);
    let columns = (storage::text, storage::blob, storage::big, storage::double, storage::flag);
    let row: Row = storage::table.select(columns).first(conn)?;
    Ok(shown(row))
}

fn integer_extremes(conn: &mut Conn) -> QueryResult<Value> {
    let rows = [
        (1, i16::MIN, i32::MIN, i64::MIN),
        (2, i16::MAX, i32::MAX, i64::MAX),
        (3, -1, -1, -1),
        (4, 0, 0, 0),
        (5, 255, 1 << 24, (1 << 53) + 1),
    ];
    for (id, small, whole, big) in rows {
        insert_into(storage::table)
            .values((
                storage::id.eq(id),
                storage::small.eq(small),
                storage::whole.eq(whole),
                storage::big.eq(big),
            ))
            .execute(conn)?;
    }
    let columns = (storage::small, storage::whole, storage::big);
    let stored: Vec<(Option<i16>, Option<i32>, Option<i64>)> =
        storage::table.select(columns).order(storage::id).load(conn)?;
    let largest: i64 = diesel::select(sql::<BigInt>("").bind::<BigInt, _>(i64::MAX)).get_result(conn)?;
    Ok(json!([stored, largest]))
}

fn floats(conn: &mut Conn) -> QueryResult<Value> {
    let values =
        [0.0, -0.0, 1.5, 0.1, -1e308, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e15, 9_007_199_254_740_993.0];
    for (id, value) in (1..).zip(values) {
        insert_into(storage::table).values((storage::id.eq(id), storage::double.eq(value))).execute(conn)?;
    }
    let stored: Vec<Option<f64>> = storage::table.select(storage::double).order(storage::id).load(conn)?;
    let through = diesel::select(sql::<Double>("").bind::<Double, _>(-0.0)).get_result::<f64>(conn)?;
    Ok(json!([stored.into_iter().flatten().map(bits).collect::<Vec<_>>(), bits(through)]))
}

fn floats_that_are_not_numbers(conn: &mut Conn) -> QueryResult<Value> {
    // SQLite stores NaN as NULL, and keeps the infinities.
    for (id, value) in [(1, f64::NAN), (2, f64::INFINITY), (3, f64::NEG_INFINITY)] {
        insert_into(storage::table).values((storage::id.eq(id), storage::double.eq(value))).execute(conn)?;
    }
    let stored: Vec<Option<f64>> = storage::table.select(storage::double).order(storage::id).load(conn)?;
    let into_f64 = storage::table.select(storage::double.assume_not_null()).find(1).first::<f64>(conn);
    Ok(json!([stored.into_iter().map(|value| value.map(bits)).collect::<Vec<_>>(), seen(into_f64)]))
}

fn single_floats(conn: &mut Conn) -> QueryResult<Value> {
    for (id, value) in (1..).zip([0.1_f32, f32::MAX, f32::MIN_POSITIVE, -0.0, f32::INFINITY]) {
        insert_into(storage::table).values((storage::id.eq(id), storage::single.eq(value))).execute(conn)?;
    }
    let stored: Vec<Option<f32>> = storage::table.select(storage::single).order(storage::id).load(conn)?;
    let as_bits = |value: Option<f32>| value.map(|value| format!("{:08x}", value.to_bits()));
    let through = diesel::select(sql::<Float>("").bind::<Float, _>(0.1_f32)).get_result::<f32>(conn)?;
    Ok(json!([stored.into_iter().map(as_bits).collect::<Vec<_>>(), through]))
}

fn booleans(conn: &mut Conn) -> QueryResult<Value> {
    for (id, flag) in [(1, true), (2, false)] {
        insert_into(storage::table).values((storage::id.eq(id), storage::flag.eq(flag))).execute(conn)?;
    }
    diesel::sql_query("INSERT INTO case_values (id, flag) VALUES (3, 7)").execute(conn)?;
    let stored: Vec<Option<bool>> = storage::table.select(storage::flag).order(storage::id).load(conn)?;
    let yes: Vec<i32> =
        storage::table.filter(storage::flag.eq(true)).select(storage::id).order(storage::id).load(conn)?;
    Ok(json!([stored, yes]))
}

fn empty_text_and_blob(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(storage::table)
        .values((storage::id.eq(1), storage::text.eq(""), storage::blob.eq(Vec::new())))
        .execute(conn)?;
    let row: (Option<String>, Option<Vec<u8>>) =
        storage::table.select((storage::text, storage::blob)).first(conn)?;
    let classes: (String, String) =
        storage::table.select((sql::<Text>("typeof(text)"), sql::<Text>("typeof(blob)"))).first(conn)?;
    Ok(json!([row, classes]))
}

fn nul_inside_text(conn: &mut Conn) -> QueryResult<Value> {
    let texts = ["a\0b", "\0", "end\0", "\0\0start"];
    for (id, text) in (1..).zip(texts) {
        insert_into(storage::table).values((storage::id.eq(id), storage::text.eq(text))).execute(conn)?;
    }
    let stored: Vec<(Option<String>, i64, i64)> = storage::table
        .select((storage::text, sql::<BigInt>("length(text)"), sql::<BigInt>("length(CAST(text AS BLOB))")))
        .order(storage::id)
        .load(conn)?;
    let found: Vec<i32> = storage::table.filter(storage::text.eq("a\0b")).select(storage::id).load(conn)?;
    Ok(json!([stored, found]))
}

fn unicode_text(conn: &mut Conn) -> QueryResult<Value> {
    let texts =
        ["žluťoučký kůň", "日本語", "🦀\u{200d}🔧", "e\u{301}", "\u{feff}bom", "'\"`;--/*", "line\r\nend\t"];
    for (id, text) in (1..).zip(texts) {
        insert_into(storage::table).values((storage::id.eq(id), storage::text.eq(text))).execute(conn)?;
    }
    let stored: Vec<Option<String>> = storage::table.select(storage::text).order(storage::id).load(conn)?;
    Ok(json!([stored, stored.iter().flatten().eq(texts)]))
}

fn long_text(conn: &mut Conn) -> QueryResult<Value> {
    let text = "0123456789abcde\n".repeat(20_000);
    insert_into(storage::table).values((storage::id.eq(1), storage::text.eq(&text))).execute(conn)?;
    let stored: Option<String> = storage::table.select(storage::text).first(conn)?;
    Ok(json!([bytes(stored.unwrap_or_default().as_bytes()), text.len()]))
}

fn short_blobs(conn: &mut Conn) -> QueryResult<Value> {
    let blobs: [&[u8]; 4] = [b"\0", b"\xff\xfe\0\x01", b"text", &[0; 64]];
    for (id, blob) in (1..).zip(blobs) {
        insert_into(storage::table).values((storage::id.eq(id), storage::blob.eq(blob))).execute(conn)?;
    }
    let stored: Vec<Option<Vec<u8>>> = storage::table.select(storage::blob).order(storage::id).load(conn)?;
    Ok(shown(stored.iter().flatten().map(|blob| bytes(blob)).collect::<Vec<_>>()))
}

fn blob_of_a_mebibyte(conn: &mut Conn) -> QueryResult<Value> {
    let blob: Vec<u8> = (0..1_048_576_u32).map(|index| (index * 31 % 251) as u8).collect();
    let returned: Option<Vec<u8>> = insert_into(storage::table)
        .values((storage::id.eq(1), storage::blob.eq(&blob)))
        .returning(storage::blob)
        .get_result(conn)?;
    let stored: Option<Vec<u8>> = storage::table.select(storage::blob).first(conn)?;
    let equal = returned.as_ref() == Some(&blob) && stored == returned;
    Ok(json!([equal, bytes(&stored.unwrap_or_default())]))
}

fn text_that_is_not_utf8(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "INSERT INTO case_values (id, text) VALUES (1, CAST(x'ff' AS TEXT)), (2, CAST(x'61c3' AS TEXT)), (3, 'good')",
    )?;
    let text = |id: i32| storage::table.find(id).select(storage::text);
    let as_text: Vec<Value> = (1..=3).map(|id| seen(text(id).first::<Option<String>>(conn))).collect();
    let all = storage::table.select(storage::text).order(storage::id).load::<Option<String>>(conn);
    let returned = diesel::sql_query(
        "INSERT INTO case_values (id, text) VALUES (4, CAST(x'80' AS TEXT)) RETURNING text AS word",
    )
    .get_result::<Word>(conn);
    let raw: Vec<String> = storage::table
        .select(sql::<Text>("hex(text) || ' ' || typeof(text)"))
        .order(storage::id)
        .load(conn)?;
    Ok(json!([as_text, seen(all), seen(returned.map(|row| row.word)), raw]))
}

fn text_as_bytes(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("INSERT INTO case_values (id, text) VALUES (1, CAST(x'ff00fe' AS TEXT)), (2, 'é')")?;
    let cast: Vec<Vec<u8>> =
        storage::table.select(sql::<Binary>("CAST(text AS BLOB)")).order(storage::id).load(conn)?;
    let returned: Vec<Vec<u8>> = diesel::update(storage::table.find(1))
        .set(storage::whole.eq(1))
        .returning(sql::<Binary>("CAST(text AS BLOB)"))
        .get_results(conn)?;
    Ok(json!([cast.iter().map(|b| bytes(b)).collect::<Vec<_>>(), bytes(&returned[0])]))
}

fn classes_stay_what_they_are(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute("CREATE TABLE case_any (id INTEGER PRIMARY KEY, value)")?;
    let classes: String = diesel::sql_query(
        "INSERT INTO case_any (value) VALUES (?), (?), (?), (?), (?) RETURNING typeof(value) AS word",
    )
    .bind::<BigInt, _>(1)
    .bind::<Double, _>(1.0)
    .bind::<Text, _>("1")
    .bind::<Binary, _>(b"1".to_vec())
    .bind::<Nullable<Text>, _>(None::<String>)
    .load::<Word>(conn)?
    .into_iter()
    .filter_map(|row| row.word)
    .collect::<Vec<_>>()
    .join(" ");
    let small: Vec<Word> =
        diesel::sql_query("SELECT typeof(?) || typeof(?) || typeof(?) || typeof(?) AS word")
            .bind::<SmallInt, _>(1)
            .bind::<Integer, _>(1)
            .bind::<Bool, _>(true)
            .bind::<Float, _>(1.0)
            .load(conn)?;
    Ok(json!([classes, small]))
}

fn affinities(conn: &mut Conn) -> QueryResult<Value> {
    conn.batch_execute(
        "INSERT INTO case_values (id, whole, text, double) VALUES (1, '12', 12, 12), (2, 'word', 1.5, '1.5'), (3, 2.0, x'31', 'word')",
    )?;
    let classes: Vec<String> = storage::table
        .select(sql::<Text>("typeof(whole) || ' ' || typeof(text) || ' ' || typeof(double)"))
        .order(storage::id)
        .load(conn)?;
    Ok(shown(classes))
}

fn null_where_none_is_allowed(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(storage::table).values(storage::id.eq(1)).execute(conn)?;
    Ok(json!([
        seen(storage::table.select(storage::text.assume_not_null()).first::<String>(conn)),
        seen(storage::table.select(storage::whole.assume_not_null()).first::<i32>(conn)),
        seen(storage::table.select(storage::blob.assume_not_null()).first::<Vec<u8>>(conn)),
        seen(storage::table.select(storage::flag.assume_not_null()).first::<bool>(conn)),
        seen(storage::table.select(storage::day.assume_not_null()).first::<chrono::NaiveDate>(conn)),
    ]))
}

fn another_class_than_asked_for(conn: &mut Conn) -> QueryResult<Value> {
    let select = |what: &str| format!("SELECT {what} AS word");
    let as_text = ["1", "1.5", "x'414243'", "1e999"]
        .map(|what| seen(diesel::sql_query(select(what)).get_result::<Word>(conn)));
    let as_integer = ["'12'", "'word'", "1.9", "x'3132'"]
        .map(|what| seen(diesel::select(sql::<Integer>(what)).get_result::<i32>(conn)));
    let as_double =
        ["'1.5'", "7", "x'37'"].map(|what| seen(diesel::select(sql::<Double>(what)).get_result::<f64>(conn)));
    let as_blob = ["'text'", "12", "1.5"]
        .map(|what| seen(diesel::select(sql::<Binary>(what)).get_result::<Vec<u8>>(conn)));
    Ok(json!([as_text, as_integer, as_double, as_blob]))
}

fn integers_too_large_for_the_type(conn: &mut Conn) -> QueryResult<Value> {
    let as_small = seen(diesel::select(sql::<SmallInt>("70000")).get_result::<i16>(conn));
    let as_integer = seen(diesel::select(sql::<Integer>("5000000000")).get_result::<i32>(conn));
    let sum = seen(diesel::select(sql::<BigInt>("9223372036854775807 + 1")).get_result::<i64>(conn));
    Ok(json!([as_small, as_integer, sum]))
}

fn values_in_conditions(conn: &mut Conn) -> QueryResult<Value> {
    insert_into(storage::table)
        .values((
            storage::id.eq(1),
            storage::big.eq(i64::MIN),
            storage::double.eq(-0.0),
            storage::text.eq(""),
            storage::blob.eq(b"\0\xff".to_vec()),
        ))
        .execute(conn)?;
    let count = |condition: bool| condition;
    let found = [
        diesel::select(diesel::dsl::exists(storage::table.filter(storage::big.eq(i64::MIN))))
            .get_result(conn)?,
        diesel::select(diesel::dsl::exists(storage::table.filter(storage::double.eq(0.0))))
            .get_result(conn)?,
        diesel::select(diesel::dsl::exists(storage::table.filter(storage::text.eq("")))).get_result(conn)?,
        diesel::select(diesel::dsl::exists(storage::table.filter(storage::blob.eq(b"\0\xff".to_vec()))))
            .get_result(conn)?,
        diesel::select(diesel::dsl::exists(storage::table.filter(storage::double.eq(f64::NAN))))
            .get_result(conn)?,
    ];
    Ok(shown(found.map(count)))
}

fn no_rows_and_no_columns(conn: &mut Conn) -> QueryResult<Value> {
    let none: Vec<Word> = diesel::sql_query("SELECT 'x' AS word WHERE 0").load(conn)?;
    let returned: Vec<Word> =
        diesel::sql_query("DELETE FROM case_users RETURNING name AS word").load(conn)?;
    let unit = diesel::sql_query("INSERT INTO case_users (id, name) VALUES (1, 'Ada')").load::<Word>(conn);
    Ok(json!([none, returned, seen(unit)]))
}

fn many_binds(conn: &mut Conn) -> QueryResult<Value> {
    let wanted: Vec<i32> = (0..30_000).collect();
    insert_into(storage::table)
        .values(vec![storage::id.eq(5), storage::id.eq(29_999), storage::id.eq(30_000)])
        .execute(conn)?;
    let found: Vec<i32> = storage::table
        .filter(storage::id.eq_any(&wanted))
        .select(storage::id)
        .order(storage::id)
        .load(conn)?;
    let changed = diesel::update(storage::table.filter(storage::id.eq_any(&wanted)))
        .set(storage::whole.eq(1))
        .execute(conn)?;
    let too_many: Vec<i32> = (0..40_000).collect();
    let refused = storage::table.filter(storage::id.eq_any(&too_many)).count().get_result::<i64>(conn);
    Ok(json!([found, changed, seen(refused)]))
}
