//! The tables, as `diesel print-schema` writes them.

diesel::table! {
    accounts (id) {
        id -> Integer,
        cents -> BigInt,
    }
}

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
