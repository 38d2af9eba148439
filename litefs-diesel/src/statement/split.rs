//! Takes a text of several SQL statements apart.
