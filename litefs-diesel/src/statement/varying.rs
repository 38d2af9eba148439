//! What differs between two attempts at the same request: marked in the text, told from it.

use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, AsExpression, Expression, SelectableExpression, TypedExpressionType, ValidGrouping,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::SqlType;
use rustc_hash::FxHashMap;

use super::split::tokens;

/// The marks stand in the text, because that is what a statement is made of wherever it goes: it is
/// prepared once, whatever the values are, and a batch insert repeats them row by row.
const OPEN: &str = "/*<varying>*/";
const CLOSE: &str = "/*</varying>*/";

/// A value that may differ when the same request is sent again, as a time of creation: see [`varying`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Varying<T>(pub T);

/// Marks a value that may differ when the same request is sent again under its idempotency key, as a
/// time of creation or a token that is made anew: it does not count when the two are compared.
///
/// The first attempt's value is the one that is kept. Mark nothing that says *what* is asked for: an
/// amount that is marked could be another one the next time, and the caller would be told of the
/// first. What the database computes itself (`CURRENT_TIMESTAMP`, `diesel::dsl::now`) needs no mark.
///
/// It takes the place of the value in any Diesel expression, also as the type of a field
/// ([`Varying`]) of a struct that derives `Insertable` or `AsChangeset`. In SQL it is a
/// comment around the value, and nothing else; a text for `sql_query` has the same marks around its
/// `?`: `/*<varying>*/ ? /*</varying>*/`.
///
/// ```
/// # #[litefs_diesel::litefs_repo]
/// # struct Repo;
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let repo = Repo::start(litefs_diesel::Config::temporary()).await?;
/// # repo.execute(diesel::sql_query("CREATE TABLE orders (id INTEGER PRIMARY KEY NOT NULL, item TEXT NOT NULL, created_at BIGINT NOT NULL)")).await?;
/// # diesel::table! { orders { id -> Integer, item -> Text, created_at -> BigInt, } }
/// use diesel::prelude::*;
/// use litefs_diesel::varying;
/// use std::time::{SystemTime, UNIX_EPOCH};
///
/// let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
/// let order = (orders::item.eq("a book"), orders::created_at.eq(varying(now)));
/// repo.execute(diesel::insert_into(orders::table).values(order)).idempotency_key("order-4711").await?;
/// # Ok(())
/// # }
/// ```
pub fn varying<T>(value: T) -> Varying<T> {
    Varying(value)
}

/// A [`Varying`] in a query.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct VaryingExpression<E>(E);

impl<T, ST> AsExpression<ST> for Varying<T>
where
    T: AsExpression<ST>,
    ST: SqlType + TypedExpressionType,
{
    type Expression = VaryingExpression<T::Expression>;

    fn as_expression(self) -> Self::Expression {
        VaryingExpression(self.0.as_expression())
    }
}

/// By reference, as the derives take the fields of a struct.
impl<'a, T, ST> AsExpression<ST> for &'a Varying<T>
where
    &'a T: AsExpression<ST>,
    ST: SqlType + TypedExpressionType,
{
    type Expression = VaryingExpression<<&'a T as AsExpression<ST>>::Expression>;

    fn as_expression(self) -> Self::Expression {
        VaryingExpression((&self.0).as_expression())
    }
}

impl<E: Expression> Expression for VaryingExpression<E> {
    type SqlType = E::SqlType;
}

impl<E, DB> QueryFragment<DB> for VaryingExpression<E>
where
    DB: Backend,
    E: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        pass.push_sql(OPEN);
        self.0.walk_ast(pass.reborrow())?;
        pass.push_sql(CLOSE);
        Ok(())
    }
}

impl<E: QueryId> QueryId for VaryingExpression<E> {
    type QueryId = VaryingExpression<E::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = E::HAS_STATIC_QUERY_ID;
}

impl<E, QS> AppearsOnTable<QS> for VaryingExpression<E> where E: AppearsOnTable<QS> {}

impl<E, QS> SelectableExpression<QS> for VaryingExpression<E> where E: SelectableExpression<QS> {}

impl<E, GB> ValidGrouping<GB> for VaryingExpression<E>
where
    E: ValidGrouping<GB>,
{
    type IsAggregate = E::IsAggregate;
}

/// For each bind of a text, in order, whether it is marked. Shorter than the binds where the rest is
/// not.
pub(crate) fn marked(sql: &str) -> Vec<bool> {
    let mut marked = Vec::new();
    if !sql.contains(OPEN) {
        return marked;
    }
    // SQLite's own numbers: `?` is one more than the greatest so far, and so is a new name.
    let mut names: FxHashMap<&str, usize> = FxHashMap::default();
    let (mut greatest, mut depth, mut behind) = (0, 0_usize, 0);
    for (_, start, end) in tokens(sql) {
        depth = depth_after(&sql[behind..start], depth);
        behind = end;
        let token = &sql[start..end];
        let number = match token.as_bytes() {
            b"?" => greatest + 1,
            [b'?', ..] => token[1..].parse().unwrap_or_default(),
            [b':' | b'@' | b'$' | b'#', _, ..] => *names.entry(token).or_insert(greatest + 1),
            _ => continue,
        };
        greatest = greatest.max(number);
        // SQLite takes no number above this: nothing is bound to it.
        if depth > 0 && (1..=MOST_BINDS).contains(&number) {
            if marked.len() < number {
                marked.resize(number, false);
            }
            marked[number - 1] = true;
        }
    }
    marked
}

/// SQLite's default limit of variables.
const MOST_BINDS: usize = 32_766;

/// How deep in marks the text is after a piece between two tokens: white space and comments.
fn depth_after(mut blank: &str, mut depth: usize) -> usize {
    loop {
        blank = blank.trim_start_matches(|c| c != '/' && c != '-');
        if blank.starts_with(OPEN) {
            depth += 1;
        } else if blank.starts_with(CLOSE) {
            depth = depth.saturating_sub(1);
        }
        // Over the whole comment, in which marks may be told of.
        let end = match blank.as_bytes() {
            [] => return depth,
            [b'-', ..] => "\n",
            _ => "*/",
        };
        blank = blank.get(2..).and_then(|comment| comment.split_once(end)).map_or("", |(_, rest)| rest);
    }
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;

    use super::*;
    use crate::statement::Want;
    use crate::statement::capture::capture;

    diesel::table! { orders { id -> Integer, item -> Nullable<Text>, at -> Nullable<BigInt>, } }

    #[derive(Insertable, AsChangeset)]
    #[diesel(table_name = orders)]
    struct Order<'a> {
        item: &'a str,
        at: Option<Varying<i64>>,
    }

    fn marks<T: QueryFragment<diesel::sqlite::Sqlite>>(query: &T) -> (Vec<bool>, usize) {
        let statement = capture(query, Want::Count).unwrap();
        // It is SQL for SQLite, and says the same as without the marks.
        let plain = statement.sql.replace(OPEN, "").replace(CLOSE, "");
        assert!(!plain.contains("/*"), "{plain}");
        (marked(&statement.sql), statement.binds.len())
    }

    #[test]
    fn a_value_is_marked_wherever_it_stands() {
        use orders::{at, id, item};
        let insert = diesel::insert_into(orders::table).values((item.eq("x"), at.eq(varying(7_i64))));
        assert_eq!(marks(&insert), (vec![false, true], 2));
        let update = diesel::update(orders::table.filter(at.lt(varying(9_i64)).and(id.eq(1))))
            .set((at.eq(varying(Some(7_i64))), item.eq("x")));
        assert_eq!(marks(&update), (vec![true, false, true], 4));
        let row = Order { item: "x", at: Some(varying(7)) };
        assert_eq!(marks(&diesel::insert_into(orders::table).values(&row)), (vec![false, true], 2));
        assert_eq!(marks(&diesel::update(orders::table.find(1)).set(&row)), (vec![false, true], 3));
        let none = Order { item: "x", at: None };
        assert_eq!(marks(&diesel::insert_into(orders::table).values(&none)), (vec![], 1));
        let of_columns = diesel::update(orders::table).set(at.eq(varying(at + 1_i64)));
        assert_eq!(marks(&of_columns), (vec![true], 1));
    }

    #[test]
    fn marks_in_a_text_of_ones_own_are_seen_and_what_only_looks_like_one_is_not() {
        for (sql, expected) in [
            ("INSERT INTO t VALUES (?, /*<varying>*/ ? /*</varying>*/, ?)", &[false, true][..]),
            ("VALUES (?2, /*<varying>*/?1/*</varying>*/, ?)", &[true]),
            ("VALUES (:a, :b, /*<varying>*/ :c, :a /*</varying>*/, ?)", &[true, false, true]),
            ("VALUES (/*<varying>*/ (? + /* x */ ?) /*</varying>*/, ?)", &[true, true]),
            ("VALUES ('/*<varying>*/', ?, '/*</varying>*/')", &[]),
            ("VALUES (/* see /*<varying>*/ ?)", &[]),
            ("VALUES (? -- /*<varying>*/ it's\n, ? /*</varying>*/)", &[]),
            ("VALUES (? --\n /* - */, /*<varying>*/ ?)", &[false, true]),
            ("VALUES (/*<varying>*/ ?99999999999999999999 /*</varying>*/)", &[]),
            ("VALUES (/*</varying>*/ ?, /*<varying>*/ ?)", &[false, true]),
        ] {
            assert_eq!(marked(sql), expected, "{sql}");
        }
    }

    #[test]
    fn sqlite_takes_the_marks_for_nothing() {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        diesel::sql_query("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, at BIGINT)")
            .execute(&mut conn)
            .unwrap();
        for at in [7, 8] {
            let row = Order { item: "x", at: Some(varying(at)) };
            diesel::insert_into(orders::table).values(&row).execute(&mut conn).unwrap();
        }
        let there: Vec<Option<i64>> = orders::table.select(orders::at).load(&mut conn).unwrap();
        assert_eq!(there, [Some(7), Some(8)]);
    }
}
