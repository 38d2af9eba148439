use super::*;

fn texts(text: &str) -> Vec<&str> {
    split(text).into_iter().map(|part| part.sql).collect()
}

#[test]
fn a_semicolon_ends_a_statement_and_empty_ones_are_none() {
    assert_eq!(texts("SELECT 1; SELECT 2"), ["SELECT 1", "SELECT 2"]);
    assert_eq!(texts(" ;; SELECT 1 ;; ; SELECT 2 ; ; "), ["SELECT 1", "SELECT 2"]);
    assert!(texts("").is_empty());
    assert!(texts(" \n\t ;; ").is_empty());
    assert!(texts("-- nothing\n/* here; */").is_empty());
}

#[test]
fn a_semicolon_in_a_string_or_a_name_does_not() {
    for quoted in ["'a;b'", "'it''s; so'", "\"a;b\"", "\"a\"\";b\"", "`a;b`", "[a;b]", "x'00'", "''", "';'"] {
        let text = format!("SELECT {quoted}; SELECT 2");
        assert_eq!(texts(&text), [&format!("SELECT {quoted}"), "SELECT 2"], "{quoted}");
    }
}

#[test]
fn a_semicolon_in_a_comment_does_not() {
    assert_eq!(texts("SELECT 1 -- a; b'\n, 2; SELECT 3"), ["SELECT 1 -- a; b'\n, 2", "SELECT 3"]);
    assert_eq!(texts("SELECT /* a; ' \" */ 1; SELECT 3"), ["SELECT /* a; ' \" */ 1", "SELECT 3"]);
    assert_eq!(texts("/**/SELECT 1;/* open; SELECT 2"), ["SELECT 1"]);
    assert_eq!(
        texts("SELECT 4 - -1; SELECT 4/2; SELECT '--'; SELECT 1"),
        ["SELECT 4 - -1", "SELECT 4/2", "SELECT '--'", "SELECT 1"]
    );
}

#[test]
fn a_trigger_keeps_its_body_with_a_case_inside() {
    let trigger = "CREATE TRIGGER tr AFTER INSERT ON t WHEN CASE new.a WHEN 1 THEN 1 ELSE 0 END BEGIN \
                   UPDATE t SET a = CASE WHEN a > 1 THEN 'x;y' ELSE 2 END; -- END;\n \
                   SELECT 1; END";
    for create in [
        trigger.to_owned(),
        trigger.replace("CREATE", "create TEMP"),
        trigger.replace("CREATE", "Create /* c */ TEMPORARY"),
        trigger.replace("CREATE", "EXPLAIN CREATE"),
        trigger.replace("CREATE", "EXPLAIN QUERY PLAN CREATE"),
        trigger.replace("TRIGGER tr", "TRIGGER IF NOT EXISTS main.tr"),
    ] {
        let text = format!("SELECT 1; {create}; SELECT 2;");
        assert_eq!(texts(&text), ["SELECT 1", &create, "SELECT 2"]);
        assert_eq!(texts(&create), [&create]);
    }
}

#[test]
fn words_that_look_like_a_trigger_are_no_trigger() {
    assert_eq!(texts("CREATE TABLE trigger (a); SELECT 1"), ["CREATE TABLE trigger (a)", "SELECT 1"]);
    assert_eq!(texts("SELECT 'CREATE TRIGGER'; END"), ["SELECT 'CREATE TRIGGER'", "END"]);
    assert_eq!(
        texts("BEGIN; INSERT INTO t VALUES (:end); END;"),
        ["BEGIN", "INSERT INTO t VALUES (:end)", "END"]
    );
    assert_eq!(texts("CREATE VIEW trigger_v AS SELECT 1; SELECT 2").len(), 2);
}

#[test]
fn a_part_says_where_it_is_in_the_text() {
    let text = " -- first\n SELECT 1 ; /* x */ SELECT 2 -- y\n";
    for part in split(text) {
        assert_eq!(&text[part.start..part.end], part.sql);
    }
    assert_eq!(texts(text), ["SELECT 1", "SELECT 2"]);
}

#[test]
fn text_that_is_not_ascii_is_cut_at_characters_only() {
    assert_eq!(
        texts("SELECT 'ä;ö' AS größe; SELECT «x»; SELECT '…"),
        ["SELECT 'ä;ö' AS größe", "SELECT «x»", "SELECT '…"]
    );
}

#[test]
fn a_byte_order_mark_is_blank_as_it_is_for_sqlite() {
    use diesel::connection::{Connection, SimpleConnection};
    let text = "\u{feff}BEGIN; \u{feff} COMMIT";
    assert_eq!(texts(text), ["BEGIN", "COMMIT"]);
    diesel::sqlite::SqliteConnection::establish(":memory:").unwrap().batch_execute(text).unwrap();
}

#[test]
fn tokens_are_sqlites() {
    let all: Vec<_> =
        tokens("a$1 :end ?1 @x $y 0x1F 1e5 .5 t.c x'00' [q]").map(|(token, ..)| token).collect();
    assert_eq!(
        all,
        [
            Token::Word("a$1"),
            Token::Literal(":end"),
            Token::Literal("?1"),
            Token::Literal("@x"),
            Token::Literal("$y"),
            Token::Literal("0x1F"),
            Token::Literal("1e5"),
            Token::Literal(".5"),
            Token::Word("t"),
            Token::Mark('.'),
            Token::Word("c"),
            Token::Word("x"),
            Token::Quoted("'00'"),
            Token::Quoted("[q]"),
        ]
    );
}

#[test]
fn leading_comments_and_semicolons_are_passed_over() {
    assert_eq!(from_first_token(" ;-- c\n; SELECT 1; SELECT 2"), "SELECT 1; SELECT 2");
    assert_eq!(from_first_token("-- c"), "");
    assert_eq!(first_statement("; a b; c").count(), 2);
}

#[test]
fn a_split_text_runs_as_the_whole_does() {
    use diesel::connection::{Connection, SimpleConnection};
    use diesel::sqlite::SqliteConnection;
    let text = "CREATE TABLE t (a, \"b;c\");
        CREATE TRIGGER tr AFTER INSERT ON t BEGIN
            UPDATE t SET a = CASE WHEN new.a = ';' THEN 'END;' ELSE a END WHERE rowid = new.rowid;
            DELETE FROM t WHERE a IS NULL;
        END; -- the end
        INSERT INTO t VALUES (';', 'x'), (NULL, '--'), (2, '/*');;
        /* and */ SELECT * FROM t";
    let mut whole = SqliteConnection::establish(":memory:").unwrap();
    let mut parted = SqliteConnection::establish(":memory:").unwrap();
    whole.batch_execute(text).unwrap();
    let parts = split(text);
    assert_eq!(parts.len(), 4);
    parts.iter().for_each(|part| parted.batch_execute(part.sql).unwrap());
    let count = |conn: &mut SqliteConnection| {
        use diesel::prelude::*;
        let count = diesel::dsl::sql::<diesel::sql_types::BigInt>("(SELECT count(*) FROM t WHERE a <> ';')");
        diesel::select(count).get_result::<i64>(conn).unwrap()
    };
    assert_eq!((count(&mut whole), count(&mut parted)), (2, 2));
}
