//! How large the result of one request may become.

use diesel::result::Error as DieselError;

use crate::error::{Bound, Error, NotExecuted};

/// What is left of it, over all statements of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    rows: usize,
    bytes: usize,
    rows_left: usize,
    bytes_left: usize,
}

/// The names by which those who are refused know the two.
const ROWS: &str = "limits.result_rows";
const BYTES: &str = "limits.result_bytes";

impl Most {
    /// For what nobody else asked for.
    pub(crate) const UNBOUNDED: Self = Self::new(usize::MAX, usize::MAX);

    pub(crate) const fn new(rows: usize, bytes: usize) -> Self {
        Self { rows, bytes, rows_left: rows, bytes_left: bytes }
    }

    pub(crate) fn is_bounded(&self) -> bool {
        self.rows < usize::MAX || self.bytes < usize::MAX
    }

    /// One more row.
    #[inline]
    pub(crate) fn row(&mut self) -> Result<(), Bound> {
        self.rows_left = self.rows_left.checked_sub(1).ok_or(Bound::new(ROWS, self.rows))?;
        Ok(())
    }

    /// So many more bytes, before they are taken.
    #[inline]
    pub(crate) fn bytes(&mut self, count: usize) -> Result<(), Bound> {
        self.bytes_left = self.bytes_left.checked_sub(count).ok_or(Bound::new(BYTES, self.bytes))?;
        Ok(())
    }
}

/// As the error of the statement, so that it is taken back like one that the database refused.
pub(super) fn too_large(bound: Bound) -> DieselError {
    Error::NotExecuted(NotExecuted::TooLarge(bound)).into_diesel()
}
