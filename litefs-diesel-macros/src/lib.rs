//! The macros of litefs-diesel.
