//! `path`: where migrations are looked for, and why there.

use clap::Args;
use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::Output;
use crate::paths::existing_folders;
use crate::session::{Session, Target};

/// Print where migrations are looked for, and why there
#[derive(Args, Debug)]
pub(crate) struct Path {}

impl Path {
    pub(crate) fn execute(&self, session: &Session, output: &mut Output<'_>) -> Result<Exit, Error> {
        let mut repos = Vec::new();
        for target in &session.targets {
            if output.json {
                repos.push(value(session, target));
            } else {
                say(session, target, output);
            }
        }
        if output.json {
            output.json(&json!({ "root": session.root.folder, "repos": repos }));
        }
        Ok(Exit::Done)
    }
}

fn say(session: &Session, target: &Target, output: &mut Output<'_>) {
    let name = &target.repo.name;
    if session.embedded.is_some() {
        return output.answer(format_args!("{name}: the migrations are in this program, in no folder"));
    }
    for folder in &target.found.folders {
        match output.quiet {
            true => output.answer(folder.display()),
            false => output.answer(format_args!("{name}: {}", folder.display())),
        }
    }
    output.progress(format_args!("  why: {}", target.found.rule));
    output.progress(format_args!("  root: {}", session.root));
    if let Err(error) = existing_folders(name, &target.found, &session.root) {
        output.progress(format_args!("  but: {error}"));
    }
}

fn value(session: &Session, target: &Target) -> serde_json::Value {
    if session.embedded.is_some() {
        return json!({ "repo": target.repo.name, "rule": "embedded", "folders": [] });
    }
    let missing = existing_folders(&target.repo.name, &target.found, &session.root).err();
    json!({
        "repo": target.repo.name,
        "folders": target.found.folders,
        "rule": target.found.rule.word(),
        "why": target.found.rule.to_string(),
        "problem": missing.map(|error| error.to_string()),
    })
}
