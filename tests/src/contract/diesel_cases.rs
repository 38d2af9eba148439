//! The body of Diesel cases on the connections of this node.

use std::sync::Arc;

use diesel::Connection;
use serde_json::Value;

use super::app::App;
use crate::cases::{Scope, Seen, on_litefs};

/// Runs the cases that are equal everywhere (or all of them) on one connection to the repo's file.
pub(super) async fn run(app: Arc<App>, everywhere: bool) -> Result<Seen, Value> {
    let url = app.url();
    let scope = if everywhere { Scope::Everywhere } else { Scope::BareOnly("") };
    let work = move || {
        let mut conn = on_litefs::Conn::establish(&url).map_err(|error| error.to_string())?;
        Ok::<_, String>(on_litefs::run_all(&mut conn, scope))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?.map_err(Value::from)
}

/// Runs one of the cases on a connection of its own, or on those that it opens itself.
pub(super) async fn run_one(app: Arc<App>, name: String) -> Result<Value, Value> {
    let url = app.url();
    if let Some(seen) = on_litefs::run_one_with_url(&url, &name).await {
        return Ok(seen);
    }
    let work = move || {
        let case = on_litefs::all().iter().find(|case| case.name == name).ok_or("no such case")?;
        let mut conn = on_litefs::Conn::establish(&url).map_err(|error| error.to_string())?;
        Ok::<_, String>(case.run(&mut conn))
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?.map_err(Value::from)
}

/// Runs those that open their connections themselves.
pub(super) async fn run_with_url(app: Arc<App>, (): ()) -> Result<Seen, Value> {
    Ok(on_litefs::run_with_url(&app.url()).await)
}
