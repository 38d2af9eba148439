//! Tests of the room as a whole.

mod server;
mod wait;

mod real;
