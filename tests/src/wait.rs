//! Waiting for what comes about by itself.

use std::time::{Duration, Instant};

/// Asks `what` again and again until it answers `Ok`; gives up with its last `Err`.
pub fn until<T>(
    patience: Duration,
    mut what: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let deadline = Instant::now() + patience;
    loop {
        match what() {
            Ok(value) => return Ok(value),
            Err(reason) if Instant::now() >= deadline => {
                return Err(format!("not within {} s: {reason}", patience.as_secs()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
