//! Runs the Diesel migrations of a litefs-diesel application once, on the primary.
#![allow(dead_code)]

mod engine;
mod paths;
mod place;
mod source;
