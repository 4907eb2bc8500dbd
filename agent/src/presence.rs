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
    /// It sends no heartbeats: that the connection stands is a sign of life, and that it is broken is
    /// noticed so late at most.
    quiet: Option<Duration>,
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
            quiet: None,
            heard: None,
            grace: Duration::ZERO,
        }))
    }

    /// A core has answered Register. `quiet`: it sends no heartbeats, and it is noticed so late that it is
    /// gone.
    pub(crate) fn connected(&self, core: String, grace: Duration, quiet: Option<Duration>) {
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
            if seen.core.take().is_some()
                && let Some(late) = seen.quiet
            {
                seen.heard = seen.heard.max(Instant::now().checked_sub(late));
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
            let vouched = seen.quiet.is_some() && seen.core.is_some();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn without_heartbeats_a_core_may_be_gone_for_a_while_before_it_is_noticed() {
        let presence = Presence::new();
        let seconds = Duration::from_secs;
        for (stood, gone) in [(100, 40), (10, 10)] {
            presence.connected("core".into(), seconds(600), Some(seconds(40)));
            tokio::time::advance(seconds(stood)).await;
            presence.disconnected("cut".into());
            let heard = presence.0.borrow().heard;
            assert_eq!(heard.map(|heard| heard.elapsed()), Some(seconds(gone)));
        }
    }
}
