//! How many clusters are reached for, and talked to, at the same time: an agent of thousands of
//! accounts is not to open them all at once, since what it asks of itself it then does not do in
//! time.
//!
//! `attempt` takes the turns. First come, first served; and whoever keeps the agent waiting loses its
//! place to the next one, though not its attempt: the dead take time, but no room.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The ways that every attempt takes, one after the other.
pub(super) struct Turns {
    /// To a client: the kubeconfig, its certificates, an operator's credential program.
    pub(super) prepare: Lane,
    /// To a certificate: name, TCP and TLS.
    pub(super) reach: Lane,
    /// To the first lists, for clusters that were reached.
    pub(super) talk: Lane,
}

/// So many at the same time.
pub(super) struct Lane {
    room: Semaphore,
    patience: Duration,
}

/// A place in a lane.
pub(super) struct Turn<'a> {
    place: Option<SemaphorePermit<'a>>,
    patience: Duration,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            // This is work alone, in threads that the session has to hold its own against.
            prepare: Lane::new(4, Duration::from_secs(2)),
            // What takes long here is a network that swallows packets, so there are many places.
            reach: Lane::new(64, Duration::from_secs(2)),
            // What takes long here is work, and what it holds is memory: pages of lists.
            talk: Lane::new(32, Duration::from_secs(5)),
        }
    }
}

impl Lane {
    fn new(places: usize, patience: Duration) -> Self {
        Self {
            room: Semaphore::new(places),
            patience,
        }
    }

    /// Waits for a place.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let place = self.room.acquire().await;
        Turn {
            place: Some(place.expect("a lane is never closed")),
            patience: self.patience,
        }
    }
}

impl Turn<'_> {
    /// Takes a step of an attempt to its end. One that takes long goes on without the place, and so
    /// do the steps that follow it.
    pub(super) async fn step<T>(&mut self, step: impl Future<Output = T>) -> T {
        let mut step = std::pin::pin!(step);
        if self.place.is_some() {
            match timeout(self.patience, &mut step).await {
                Ok(done) => return done,
                Err(_) => self.place = None,
            }
        }
        step.await
    }

    /// Whoever has to try again has kept the others waiting.
    pub(super) fn leave(&mut self) {
        self.place = None;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn so_many_at_a_time_and_in_the_order_they_came() {
        let lane = Lane::new(2, Duration::from_secs(60));
        let first = lane.turn().now_or_never().unwrap();
        let _second = lane.turn().now_or_never().unwrap();
        let (mut third, mut fourth) = (Box::pin(lane.turn()), Box::pin(lane.turn()));
        assert!((&mut third).now_or_never().is_none());
        assert!((&mut fourth).now_or_never().is_none());
        drop(first);
        assert!(
            (&mut fourth).now_or_never().is_none(),
            "the third was first"
        );
        assert!(third.now_or_never().is_some());
        assert!(fourth.now_or_never().is_some());
    }

    #[tokio::test]
    async fn one_that_keeps_waiting_loses_its_place_but_not_its_attempt() {
        let lane = Lane::new(1, Duration::from_millis(20));
        let (answer, answered) = oneshot::channel();
        let slow = async {
            let mut turn = lane.turn().await;
            let said = turn.step(answered).await.unwrap();
            turn.step(async { said }).await
        };
        let quick = async {
            // It came second; nothing but the other's silence lets it in.
            let mut turn = lane.turn().await;
            turn.step(async {}).await;
            assert!(lane.turn().now_or_never().is_none(), "who is quick stays");
            answer.send("at last").unwrap();
        };
        let (said, ()) = tokio::join!(slow, quick);
        assert_eq!(said, "at last");
        assert_eq!(lane.room.available_permits(), 1);
    }
}
