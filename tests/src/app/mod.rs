//! Application nodes as processes of their own: what a test starts, kills and asks
//! ([`AppProcess`]), and what runs inside ([`Commands`], [`serve`]).
//!
//! They talk by one JSON line a command on standard input and output: `{"id", "cmd", "args"}`
//! gives `{"id", "ok"}` or `{"id", "err"}`; answers may come in any order. The answer to id 0, to
//! nothing asked, says that the application is ready. Standard error is the application's log.

mod commands;
mod process;
mod protocol;

pub use commands::{Commands, serve};
pub use process::{AppError, AppProcess, AppSpec};
