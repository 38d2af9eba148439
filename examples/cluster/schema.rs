//! The tables, as `diesel print-schema` writes them.

diesel::table! {
    posts (id) {
        id -> Integer,
        title -> Text,
        body -> Text,
        published -> Bool,
    }
}

diesel::table! {
    subdivisions (code) {
        code -> Text,
        name -> Text,
        kind -> Text,
        parent -> Nullable<Text>,
    }
}
