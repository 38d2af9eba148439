//! Waiting for a condition, with a deadline: tests never sleep to synchronise.

use std::time::{Duration, Instant};

/// How long a condition of a healthy cluster may take on a busy two-core machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const STEP: Duration = Duration::from_millis(5);

/// Looks at a condition until it gives something, for at most `patience`; blocks the thread.
///
/// # Errors
/// What the condition said last, when the time is over.
///
/// ```
/// use litefs_diesel_tests::wait;
/// let mut left = 3;
/// let done = wait::until(wait::PATIENCE, || {
///     left -= 1;
///     if left == 0 { Ok("done") } else { Err(format!("{left} left")) }
/// });
/// assert_eq!(done, Ok("done"));
/// ```
pub fn until<T, E>(patience: Duration, mut condition: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let deadline = Instant::now() + patience;
    loop {
        match condition() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => std::thread::sleep(STEP),
        }
    }
}
