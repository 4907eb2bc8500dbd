//! Whether there is a core, and what follows when there has been none for too long.
//!
//! `session` tells it what it hears, `admin` shows it, and [`guard`] stops the dynamic accounts once
//! the grace time is over: the core gives them to another agent then, and two must never serve one.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::accounts::Accounts;

/// What is known of the core.
#[derive(Debug, Clone)]
struct Seen {
    /// Its id, while it is connected.
    core: Option<String>,
    /// Why there is none, as far as that is known.
    cause: Option<String>,
    /// It sends no heartbeats: that the connection stands is a sign of life.
    quiet: bool,
    /// When it was last heard; none before the first Registered.
    heard: Option<Instant>,
    grace: Duration,
}

/// What is known of the core. All clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Presence(watch::Sender<Seen>);

impl Presence {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Seen {
            core: None,
            cause: None,
            quiet: false,
            heard: None,
            grace: Duration::ZERO,
        }))
    }

    /// A core has answered Register.
    pub(crate) fn connected(&self, core: String, grace: Duration, quiet: bool) {
        self.0.send_replace(Seen {
            core: Some(core),
            cause: None,
            quiet,
            heard: Some(Instant::now()),
            grace,
        });
    }

    /// The core has said something.
    pub(crate) fn heard(&self) {
        self.0.send_modify(|seen| seen.heard = Some(Instant::now()));
    }

    /// The connection is gone, or did not come about.
    pub(crate) fn disconnected(&self, cause: String) {
        self.0.send_modify(|seen| {
            if seen.core.take().is_some() && seen.quiet {
                seen.heard = Some(Instant::now());
            }
            seen.cause = Some(cause);
        });
    }

    /// Why there is no core.
    pub(crate) fn cause(&self) -> Option<String> {
        self.0.borrow().cause.clone()
    }

    /// The id of the core that is connected.
    pub(crate) fn core(&self) -> Option<String> {
        self.0.borrow().core.clone()
    }
}

/// Stops the dynamic accounts whenever no core was heard for the grace time. Never returns.
///
/// The time counts from the core's last word, not from when its silence was noticed: the core counts
/// from about then too, and adds a margin.
pub(crate) async fn guard(presence: Presence, accounts: Accounts) {
    let mut seen = presence.0.subscribe();
    loop {
        let (heard, grace) = {
            let seen = seen.borrow_and_update();
            let vouched = seen.quiet && seen.core.is_some();
            (seen.heard.filter(|_| !vouched), seen.grace)
        };
        let Some(heard) = heard else {
            seen.changed().await.ok();
            continue;
        };
        tokio::select! {
            _ = seen.changed() => {}
            () = sleep_until(heard + grace) => {
                let stopped = accounts.stop_dynamic();
                warn!(stopped, "no core for {} s: the dynamic accounts are stopped", grace.as_secs());
                seen.changed().await.ok();
            }
        }
    }
}
