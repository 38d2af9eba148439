//! What something was over.

use std::borrow::Cow;
use std::fmt;

/// A bound of the node that was asked, which something was over: the setting that it is, and its value there.
///
/// ```
/// # use litefs_diesel::{Error, NotExecuted};
/// fn smaller(error: &Error) -> Option<u64> {
///     match error {
///         Error::NotExecuted(NotExecuted::TooLarge(bound)) => Some(bound.most()),
///         _ => None,
///     }
/// }
/// # assert_eq!(smaller(&Error::NotFound), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bound {
    setting: Cow<'static, str>,
    most: u64,
}

impl Bound {
    pub(crate) const fn new(setting: &'static str, most: usize) -> Self {
        Self { setting: Cow::Borrowed(setting), most: most as u64 }
    }

    /// As another node says it.
    pub(crate) fn said(setting: String, most: u64) -> Self {
        Self { setting: Cow::Owned(setting), most }
    }

    /// The setting, as `limits.requests`.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Its value: a number of bytes where the setting's name says so, else of what it names.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.most
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (setting `{}`)", self.most, self.setting)
    }
}
