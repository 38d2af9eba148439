//! The door for the fuzz targets: settings.

use std::path::Path;

use super::builder::Config;
use super::env::Environment;
use super::file;

/// A settings file and an environment: the file's text, and behind each NUL character a variable and its value, as
/// `NAME=value`.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, variables) = text.split_once('\0').unwrap_or((text, ""));
    let environment = Environment::of(variables.split('\0').filter_map(|pair| pair.split_once('=')));
    let path = Path::new("litefs-diesel.toml");
    let file = file::parse(path, text, &environment);
    let (Ok(file), Ok(environment)) = (file, environment.layer()) else { return };
    let config = Config { file, environment, ..Config::default() };
    let _ = config.resolve();
    let _ = config.for_tool();
}
