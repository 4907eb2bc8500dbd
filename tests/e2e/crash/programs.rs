//! The programs of a walk: each is started to die where it is to, and again when it has died.

use super::{Victim, Walk, When};
use ferry_tests::process::has_aborted;
use std::time::Duration;

impl Walk {
    pub(super) fn between_steps(&mut self) {
        if self.when != When::BetweenSteps {
            return;
        }
        match self.victim {
            Victim::Sidecar => self.pair.sidecar.process().kill(),
            Victim::Agent => self.pair.agent.process().kill(),
        }
        self.died = true;
        self.start_victim();
    }

    pub(super) fn revive(&mut self) {
        let ended = match self.victim {
            Victim::Sidecar => self.pair.sidecar.process().ended(),
            Victim::Agent => self.pair.agent.process().ended(),
        };
        if let Some(status) = ended {
            assert!(has_aborted(status), "{:?} ended by itself", self.victim);
            assert!(!self.died, "{:?} died twice", self.victim);
            self.died = true;
            // As long as a supervisor takes.
            std::thread::sleep(Duration::from_millis(300));
            self.start_victim();
        }
    }

    /// Waits until it has died and is there again.
    pub(super) fn dies(&mut self) -> Result<(), String> {
        self.until(|walk| match walk.died {
            true => Ok(()),
            false => Err("the walk did not pass this failpoint".to_owned()),
        })
    }

    pub(super) fn start_victim(&mut self) {
        match self.victim {
            Victim::Sidecar => self.start_sidecar(),
            Victim::Agent => self.start_agent(),
        }
    }

    pub(super) fn environment(&self, victim: Victim) -> Vec<(&'static str, &'static str)> {
        match self.when {
            When::At(point) if self.victim == victim && !self.died => {
                vec![("FERRY_FAILPOINT", point)]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn start_sidecar(&mut self) {
        if let Err(not) = self.pair.sidecar.start(&self.environment(Victim::Sidecar)) {
            assert!(
                not.aborted() && !self.died,
                "the sidecar does not start: {}",
                not.log
            );
            self.died = true;
            self.pair
                .sidecar
                .start(&[])
                .expect("it starts after it died at its start");
        }
    }

    pub(super) fn start_agent(&mut self) {
        let environment = self.environment(Victim::Agent);
        self.pair.agent.start(&environment);
    }
}
