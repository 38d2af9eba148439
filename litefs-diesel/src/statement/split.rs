//! Takes a text of several SQL statements apart.

pub(crate) fn first_word(sql: &str) -> &str {
    sql.split_whitespace().next().unwrap_or_default()
}

pub(crate) fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(';')
}
