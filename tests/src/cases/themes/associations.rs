//! `belonging_to` and `grouped_by`.

use diesel::prelude::*;
use serde_json::{Value, json};

use super::Conn;
use super::joins::people_and_posts;
use crate::cases::models::{Comment, Post, Tag, User};
use crate::cases::observe::shown;
use crate::cases::schema::{comments, posts, tags, users};

super::cases!("associations": belonging_to_one, grouped_by_parents, two_levels, of_a_composite_key);

fn belonging_to_one(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let ada: User = users::table.find(1).first(conn)?;
    let hers: Vec<Post> = Post::belonging_to(&ada).order(posts::id).load(conn)?;
    let published: Vec<String> =
        Post::belonging_to(&ada).filter(posts::published.eq(true)).select(posts::title).load(conn)?;
    Ok(json!([hers, published]))
}

fn grouped_by_parents(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let people: Vec<User> = users::table.order(users::id).load(conn)?;
    let grouped = Post::belonging_to(&people)
        .order(posts::id)
        .select(Post::as_select())
        .load(conn)?
        .grouped_by(&people);
    Ok(shown(people.into_iter().map(|user| user.name).zip(grouped).collect::<Vec<_>>()))
}

fn two_levels(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let people: Vec<User> = users::table.order(users::id).load(conn)?;
    let theirs: Vec<Post> = Post::belonging_to(&people).order(posts::id).load(conn)?;
    let said: Vec<Comment> = Comment::belonging_to(&theirs).order(comments::id).load(conn)?;
    let said = said.grouped_by(&theirs);
    let tree = theirs.into_iter().zip(said).grouped_by(&people);
    Ok(shown(people.into_iter().zip(tree).collect::<Vec<_>>()))
}

fn of_a_composite_key(conn: &mut Conn) -> QueryResult<Value> {
    people_and_posts(conn)?;
    let labels = vec![Tag::new(1, "a", 1), Tag::new(1, "b", 2), Tag::new(3, "a", 3)];
    diesel::insert_into(tags::table).values(&labels).execute(conn)?;
    let all: Vec<Post> = posts::table.order(posts::id).load(conn)?;
    let grouped =
        Tag::belonging_to(&all).order((tags::post_id, tags::label)).load::<Tag>(conn)?.grouped_by(&all);
    Ok(shown(grouped))
}
