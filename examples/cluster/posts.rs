//! The application of Diesel's getting-started guide: plain Diesel code for SQLite. Only the type
//! of the connection is another: it was `diesel::SqliteConnection`.

use diesel::prelude::*;
use litefs_diesel::LitefsConnection;

use crate::models::{NewPost, Post};
use crate::schema::posts;

/// Adds a draft, and gives it as the database has it.
pub(crate) fn write_post(conn: &mut LitefsConnection, title: &str, body: &str) -> QueryResult<Post> {
    diesel::insert_into(posts::table)
        .values(&NewPost { title, body })
        .returning(Post::as_returning())
        .get_result(conn)
}

/// One post.
pub(crate) fn get_post(conn: &mut LitefsConnection, id: i32) -> QueryResult<Post> {
    posts::table.find(id).select(Post::as_select()).first(conn)
}

/// Makes a draft public.
pub(crate) fn publish_post(conn: &mut LitefsConnection, id: i32) -> QueryResult<Post> {
    diesel::update(posts::table.find(id))
        .set(posts::published.eq(true))
        .returning(Post::as_returning())
        .get_result(conn)
}

/// The first five posts that are public.
pub(crate) fn show_posts(conn: &mut LitefsConnection) -> QueryResult<Vec<Post>> {
    posts::table
        .filter(posts::published.eq(true))
        .order(posts::id)
        .limit(5)
        .select(Post::as_select())
        .load(conn)
}

/// Deletes the posts whose titles have this text in them, and gives how many there were.
pub(crate) fn delete_posts(conn: &mut LitefsConnection, title: &str) -> QueryResult<usize> {
    diesel::delete(posts::table.filter(posts::title.like(format!("%{title}%")))).execute(conn)
}
