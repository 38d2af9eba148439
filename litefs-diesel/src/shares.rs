//! Counting what is held at once, up to a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use crate::error::Bound;

/// So much of something, whoever has it.
#[derive(Debug)]
pub(crate) struct Shares {
    bound: Bound,
    most: usize,
    used: AtomicUsize,
    /// Those who wait until some is given back.
    waiting: Mutex<Vec<Waker>>,
    /// There are some, so that giving back looks for them only then.
    awaited: AtomicBool,
}

/// A part of it, until this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    count: usize,
}

impl Shares {
    /// `setting` is where `most` comes from.
    pub(crate) fn new(setting: &'static str, most: usize) -> Arc<Self> {
        let (bound, (used, waiting, awaited)) = (Bound::new(setting, most), Default::default());
        Arc::new(Self { bound, most, used, waiting, awaited })
    }

    /// So much of it; the bound when there is not so much left. When nobody has any, more than there is, too:
    /// else it would never be to be had.
    pub(crate) fn take(self: &Arc<Self>, count: usize) -> Result<Share, Bound> {
        self.take_more(count, 0)
    }

    /// The same for one who has `own` of it already.
    pub(crate) fn take_more(self: &Arc<Self>, count: usize, own: usize) -> Result<Share, Bound> {
        let fits = |used: usize| {
            let all = used.saturating_add(count);
            (used <= own || all <= self.most).then_some(all)
        };
        match self.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits) {
            Ok(_) => Ok(Share { of: Arc::clone(self), count }),
            Err(_) => Err(self.bound.clone()),
        }
    }

    /// So much of it, as soon as there is. Who waits is woken when some is given back.
    pub(crate) fn poll_take(self: &Arc<Self>, count: usize, cx: &mut Context<'_>) -> Poll<Share> {
        if let Ok(share) = self.take(count) {
            return Poll::Ready(share);
        }
        let mut waiting = self.waiting.lock();
        self.awaited.store(true, Ordering::SeqCst);
        // What was given back before that woke nobody.
        if let Ok(share) = self.take(count) {
            return Poll::Ready(share);
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// So much of it, also when that is more than there is.
    pub(crate) fn take_anyway(self: &Arc<Self>, count: usize) -> Share {
        self.used.fetch_add(count, Ordering::SeqCst);
        Share { of: Arc::clone(self), count }
    }

    pub(crate) fn bound(&self) -> &Bound {
        &self.bound
    }

    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    fn give_back(&self, count: usize) {
        self.used.fetch_sub(count, Ordering::SeqCst);
        if self.awaited.load(Ordering::SeqCst) {
            let waiting = {
                let mut waiting = self.waiting.lock();
                self.awaited.store(false, Ordering::SeqCst);
                std::mem::take(&mut *waiting)
            };
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

impl Share {
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.give_back(self.count);
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
    fn who_has_some_may_have_more_than_there_is_while_nobody_else_has_any() {
        let shares = Shares::new("limits.request_bytes", 10);
        let own = shares.take_anyway(4);
        assert!(shares.take_more(20, own.count()).is_ok());
        let _other = shares.take_anyway(1);
        assert!(shares.take_more(20, own.count()).is_err() && shares.take_more(5, own.count()).is_ok());
    }

    #[tokio::test]
    async fn who_waits_for_some_has_it_when_it_is_given_back() {
        let shares = Shares::new("limits.request_bytes", 10);
        let (most, other) = (shares.take_anyway(8), shares.take_anyway(1));
        let (woken, waits) = (Arc::clone(&shares), shares.clone());
        let waits = tokio::spawn(std::future::poll_fn(move |cx| waits.poll_take(4, cx)));
        while !woken.awaited.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        drop(other); // not enough
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        drop(most);
        assert_eq!(waits.await.map(|share| share.count()).ok(), Some(4));
        assert_eq!(shares.used(), 0);
    }
}
