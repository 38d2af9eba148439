//! What can be asked of the application, and what it tells of it: the values, how long they took,
//! and where the database stands.

use std::time::{Duration, Instant};

use litefs_diesel::{CallError, Error, Position, Role};

use crate::bank::TransferError;
use crate::models::Post;
use crate::{Repo, bank, posts, subdivisions};

/// Which subdivisions are shown.
const SAMPLE: [&str; 4] = ["AE-AZ", "CZ-10", "DE-BY", "FR-971"];

/// What a command has to say, line by line, or why it failed.
pub(crate) type Answer = Result<Vec<String>, Box<dyn std::error::Error + Send + Sync>>;

/// Runs one line: a command's name, and its arguments.
pub(crate) async fn run(repo: &Repo, line: &str) -> Answer {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    match name {
        "status" => status(repo).await,
        "write_post" => write_post(repo, rest).await,
        "publish_post" => publish_post(repo, rest.trim().parse()?).await,
        "show_posts" => show_posts(repo).await,
        "delete_post" => delete_post(repo, rest.to_owned()).await,
        "transfer" => transfer(repo, rest).await,
        "show_accounts" => show_accounts(repo).await,
        "import" => import(repo, rest).await,
        "check" => check(repo, rest).await,
        _ => Err(format!(
            "there is no command {name:?}; there are status, write_post TITLE | BODY, publish_post ID, show_posts, \
             delete_post TITLE, transfer FROM TO CENTS, show_accounts, import FILE, check FILE"
        )
        .into()),
    }
}

async fn status(repo: &Repo) -> Answer {
    let role = match repo.role() {
        Role::Primary => "the primary".to_owned(),
        Role::Replica { primary } => format!("a replica of {primary}"),
        Role::NoLeader => "without a leader".to_owned(),
    };
    Ok(vec![format!("role      {role}"), format!("position  {}", repo.position().await?)])
}

async fn write_post(repo: &Repo, args: &str) -> Answer {
    let (title, body) = args.split_once(" | ").ok_or("write it as TITLE | BODY")?;
    let (title, body) = (title.to_owned(), body.to_owned());
    let before = repo.position().await?;
    let (post, wrote) = timed(repo.run(move |conn| posts::write_post(conn, &title, &body))).await?;
    let after = repo.position().await?;
    let (here, read) = timed(repo.run(move |conn| posts::get_post(conn, post.id))).await?;
    Ok(vec![
        format!("position  {before} here, before the write"),
        format!("wrote     post {} on the primary; returned after {}", post.id, ms(wrote)),
        format!("position  {after} here, when it returned"),
        format!("read      {} from this node's file, in {}", describe(&here), ms(read)),
    ])
}

async fn publish_post(repo: &Repo, id: i32) -> Answer {
    let (post, wrote) = timed(repo.run(move |conn| posts::publish_post(conn, id))).await?;
    changed(repo, format!("published {}", describe(&post)), wrote).await
}

async fn show_posts(repo: &Repo) -> Answer {
    let (posts, read) = timed(repo.run(posts::show_posts)).await?;
    let mut lines = vec![format!("{} public posts in this node's file, read in {}", posts.len(), ms(read))];
    lines.extend(posts.iter().map(|post| format!("  {}: {}", describe(post), post.body)));
    Ok(lines)
}

async fn delete_post(repo: &Repo, title: String) -> Answer {
    let (deleted, wrote) = timed(repo.run(move |conn| posts::delete_posts(conn, &title))).await?;
    changed(repo, format!("deleted   {deleted} posts"), wrote).await
}

async fn transfer(repo: &Repo, args: &str) -> Answer {
    let numbers = args.split_whitespace().map(str::parse).collect::<Result<Vec<i64>, _>>()?;
    let [from, to, cents] = numbers[..] else { return Err("write it as FROM TO CENTS".into()) };
    let start = Instant::now();
    match repo.transfer(from.try_into()?, to.try_into()?, cents).await {
        Ok(left) => changed(repo, format!("moved     {cents} cents, left are {left}"), start.elapsed()).await,
        Err(CallError::Procedure(TransferError::TooLittle { cents })) => {
            Ok(vec![format!("refused   there are only {cents} cents; nothing of it is kept")])
        }
        Err(CallError::Procedure(TransferError::Database(error))) => Err(error.into()),
        Err(CallError::Outcome(outcome)) => Err(outcome.into()),
    }
}

async fn show_accounts(repo: &Repo) -> Answer {
    let accounts = bank::all(repo).await?;
    Ok(accounts.iter().map(|(id, cents)| format!("account {id}  {cents} cents")).collect())
}

async fn import(repo: &Repo, path: &str) -> Answer {
    let all = subdivisions::read(path)?;
    let start = Instant::now();
    match subdivisions::import(repo, &all).await {
        Ok(inserted) => changed(repo, format!("imported  {inserted} subdivisions"), start.elapsed()).await,
        Err(error @ Error::Rejected(_)) => Ok(vec![format!("refused   {error}")]),
        Err(error) => Err(error.into()),
    }
}

async fn check(repo: &Repo, path: &str) -> Answer {
    let mut wanted = subdivisions::read(path)?;
    wanted.sort();
    let count = subdivisions::count(repo).await?;
    let here = subdivisions::all(repo).await?;
    if count != i64::try_from(wanted.len())? || here != wanted {
        return Err(format!("{count} subdivisions here do not equal the {} of the file", wanted.len()).into());
    }
    let mut lines = vec![
        format!("counted   {count} subdivisions; each equals its entry in the file"),
        format!("position  {}", repo.position().await?),
    ];
    for one in subdivisions::some(repo, &SAMPLE).await? {
        let parent = one.parent.map(|parent| format!(" of {parent}")).unwrap_or_default();
        lines.push(format!("  {:<6}  {} ({}{parent})", one.code, one.name, one.kind));
    }
    Ok(lines)
}

async fn changed(repo: &Repo, what: String, took: Duration) -> Answer {
    let position: Position = repo.position().await?;
    Ok(vec![
        format!("{what} on the primary; returned after {}", ms(took)),
        format!("position  {position} here, when it returned"),
    ])
}

async fn timed<T>(
    work: impl Future<Output = diesel::QueryResult<T>>,
) -> Result<(T, Duration), diesel::result::Error> {
    let start = Instant::now();
    let value = work.await?;
    Ok((value, start.elapsed()))
}

fn describe(post: &Post) -> String {
    format!("post {} {:?} ({})", post.id, post.title, if post.published { "public" } else { "a draft" })
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
