//! Counting what is held at once, up to a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Bound;

/// So much of something, whoever has it.
pub(crate) struct Shares {
    bound: Bound,
    most: usize,
    used: AtomicUsize,
}

/// A part of it, until this is dropped.
pub(crate) struct Share {
    of: Arc<Shares>,
    count: usize,
}

impl Shares {
    /// `setting` is where `most` comes from.
    pub(crate) fn new(setting: &'static str, most: usize) -> Arc<Self> {
        Arc::new(Self { bound: Bound::new(setting, most), most, used: AtomicUsize::new(0) })
    }

    /// So much of it; the bound when there is not so much left. When nobody has any, more than there is, too:
    /// else it would never be to be had.
    pub(crate) fn take(self: &Arc<Self>, count: usize) -> Result<Share, Bound> {
        let (share, before) = self.add(count);
        if before > 0 && before.saturating_add(count) > self.most {
            return Err(self.bound.clone());
        }
        Ok(share)
    }

    /// So much of it, also when that is more than there is.
    pub(crate) fn take_anyway(self: &Arc<Self>, count: usize) -> Share {
        self.add(count).0
    }

    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn add(self: &Arc<Self>, count: usize) -> (Share, usize) {
        let before = self.used.fetch_add(count, Ordering::Relaxed);
        (Share { of: Arc::clone(self), count }, before)
    }
}

impl Share {
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Makes it another size; the bound when there is not so much left, and then it stays as it was.
    pub(crate) fn resize(&mut self, count: usize) -> Result<(), Bound> {
        match count.checked_sub(self.count) {
            Some(0) => return Ok(()),
            None => {
                self.of.used.fetch_sub(self.count - count, Ordering::Relaxed);
            }
            Some(more) => {
                let mut part = self.of.take(more)?;
                part.count = 0; // it is this one's from here on
            }
        }
        self.count = count;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_the_bound_is_refused_by_name_until_something_is_given_back() {
        let shares = Shares::new("limits.request_bytes", 10);
        let whole = shares.take(11).unwrap_or_else(|_| panic!("refused when nobody has any"));
        assert_eq!(shares.take(1).map(drop), Err(Bound::new("limits.request_bytes", 10)));
        drop(whole);
        let part = shares.take(6).unwrap_or_else(|_| panic!("refused when nobody has any"));
        assert!(shares.take(5).is_err() && shares.take(4).is_ok());
        assert!(shares.take_anyway(5).count == 5);
        drop(part);
        assert_eq!(shares.used(), 0);
    }

    #[test]
    fn a_share_that_changes_its_size_counts_as_what_it_is() {
        let shares = Shares::new("limits.request_bytes", 10);
        let other = shares.take(4).unwrap_or_else(|_| panic!("refused when nobody has any"));
        let mut share = shares.take_anyway(0);
        assert!(share.resize(6).is_ok() && shares.used() == 10);
        assert!(share.resize(7).is_err() && shares.used() == 10);
        assert!(share.resize(2).is_ok() && shares.used() == 6);
        drop((share, other));
        assert_eq!(shares.used(), 0);
    }
}
