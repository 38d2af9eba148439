//! Examples of litefs-diesel.
