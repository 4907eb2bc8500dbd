//! Takes up what changes in the configuration while the agent runs: `kubernetes.accounts`.
//!
//! `lib::run` runs it. The files are looked at every other second, links followed, since Kubernetes
//! renews a mounted ConfigMap by moving one. What cannot be used leaves everything as it was; what
//! else has changed is named, and taken at the next start.

use std::time::Duration;

use ferry_tls::Stamps;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::accounts::Accounts;
use crate::config::{Config, Environment, Files, Rest};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What is looked at, and what it last was.
pub(crate) struct Reload {
    files: Files,
    environment: Environment,
    running: Rest,
    accounts: Accounts,
}

impl Reload {
    pub(crate) fn new(
        (files, environment): (Files, Environment),
        running: Rest,
        accounts: Accounts,
    ) -> Self {
        Self {
            files,
            environment,
            running,
            accounts,
        }
    }

    /// Looks on and on. Never returns: it is dropped at the end.
    pub(crate) async fn watch(self) {
        // As if nothing had been read: the files may have changed since they were.
        let mut seen = Stamps::default();
        loop {
            sleep(LOOK).await;
            let stamps = self.files.stamps();
            if stamps != seen {
                seen = stamps;
                self.read();
            }
        }
    }

    fn read(&self) {
        let config = match Config::load(&self.files, &self.environment) {
            Ok(config) => config,
            Err(error) => {
                let error = error.to_string();
                return warn!(error, "the changed configuration is not used");
            }
        };
        let others = self.running.differences(&config.rest);
        if !others.is_empty() {
            let keys = others.join(", ");
            warn!(keys, "changed, and taken when the agent starts anew");
        }
        let changed = self.accounts.replace_fixed(config.accounts);
        if changed > 0 {
            info!(changed, "kubernetes.accounts was changed");
        }
    }
}
