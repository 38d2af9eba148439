//! Procedures: functions of the application that run on the primary, each call in one transaction
//! and one round trip.
//!
//! `#[procedure]` implements [`Procedure`] for a function's twin type and gives the repo a method of
//! its name; `procedures(…)` of `#[litefs_repo]` says which a repo has ([`Registered`]) and how
//! they are run ([`Registration`]). A call is a [`Write`](super::Write) like any other.
//!
//! Nothing in here runs a procedure or ends its transaction: the writer does.

mod call;
mod contract;
mod error;
mod portable;
mod registration;

pub use call::{Call, call};
pub use contract::{FirstArgument, Procedure, ProcedureResult, Registered};
pub use error::{CallError, DbError};
pub use portable::{Codec, Packed, Portable, ProcedureError, Unpacked, portable, portable_error};
pub use registration::{Registration, named_once};
