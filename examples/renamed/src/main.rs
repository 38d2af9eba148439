//! An application whose repo is not called `Repo`, and whose migrations are not in `priv/repo`.
//!
//! ```text
//! litefs-migrate path        where the migrations are, and who says so
//! litefs-migrate run         runs them, before the application starts
//! cargo run                  does it too, when it starts
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]
#![allow(missing_docs, reason = "`diesel::table!` writes public items")]

use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use litefs_diesel::{Config, litefs_repo};

/// In the program, so that a container needs no sources. The same folder as `priv` says.
const MIGRATIONS: EmbeddedMigrations = embed_migrations!("database/migrations");

diesel::table! {
    orders (id) {
        id -> Integer,
        item -> Text,
        paid -> Bool,
    }
}

/// Its settings: `[repo.ShopRepo]`.
#[litefs_repo]
struct ShopRepo;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(diesel::sqlite::Sqlite))]
struct Order {
    id: i32,
    item: String,
    paid: bool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let repo = ShopRepo::start(Config::load()?).await?;
    // On every node, also when all of them start at once: each migration runs once, on the primary.
    let migrated = repo.migrate(MIGRATIONS).await?;
    let order: Order = repo.insert(orders::table, orders::item.eq("a lamp")).await?;
    let all: i64 = repo.count(orders::table).await?;
    let paid = if order.paid { "paid" } else { "not paid" };
    println!(
        "{} migrations were pending; order {} ({}, {paid}) is one of {all}",
        migrated.len(),
        order.id,
        order.item,
    );
    repo.shutdown().await?;
    Ok(())
}
