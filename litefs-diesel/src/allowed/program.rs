//! What a statement would write, as `EXPLAIN` tells: with what its triggers and foreign keys do.

use crate::statement::kind::Opcode;

/// The number of the database in the file, and of the connection's own.
const MAIN: i32 = 0;
const TEMP: i32 = 1;

/// The page where the schema itself is.
const SCHEMA: i32 = 1;

/// What of it concerns this room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    /// Into a table or index of the library.
    pub(super) ours: bool,
    /// Into the table of the schema.
    pub(super) schema: bool,
    /// Into the TEMP database.
    pub(super) temp: bool,
}

/// Where the library's tables and indexes begin.
#[derive(Debug, Default)]
pub(super) struct Roots {
    pub(super) main: Vec<i32>,
    pub(super) temp: Vec<i32>,
}

impl Writes {
    /// Those of a program.
    pub(super) fn of(program: &[Opcode], roots: &Roots) -> Self {
        let mut writes = Self::default();
        for Opcode { opcode, p1, p2, p3, .. } in program {
            let (root, database) = match opcode.as_str() {
                "Transaction" => {
                    writes.temp |= *p1 == TEMP && *p2 != 0;
                    continue;
                }
                "OpenWrite" => (p2, p3),
                // A table that is emptied, one that is dropped.
                "Clear" => (p1, p2),
                "Destroy" => (p1, p3),
                _ => continue,
            };
            writes.schema |= *root == SCHEMA;
            writes.ours |= match *database {
                MAIN => roots.main.contains(root),
                TEMP => roots.temp.contains(root),
                _ => false,
            };
        }
        writes
    }
}
