//! Ferry as its clients meet it, at one address, whichever of its doors is there.

use crate::http::{self, Answer};
use crate::wait;
use serde_json::{Value, json};
use std::time::Duration;

/// Long enough for anything that is to come about, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// An address of Clouddriver's at which Ferry answers, too.
#[derive(Debug, Clone)]
pub struct Ferry {
    /// `http://127.0.0.1:port`.
    pub url: String,
}

impl Ferry {
    /// Sends a request to it.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, String> {
        http::request(method, &format!("{}{path}", self.url), body)
    }

    /// PATCHes an account to `state`.
    pub fn patch(&self, name: &str, state: &str) -> Result<Answer, String> {
        let body = json!([{"name": name, "state": state}]);
        self.request("PATCH", "/armory/accounts", Some(&body))
    }

    /// The account as KubesvcAccount; `Err` with what came instead.
    pub fn account(&self, name: &str) -> Result<Value, String> {
        let answer = self.request("GET", &format!("/agents/kubernetes/accounts/{name}"), None)?;
        match answer.status {
            200 => Ok(answer.json()),
            _ => Err(format!("{} {}", answer.status, answer.body)),
        }
    }

    /// Waits until the account has this status.
    ///
    /// # Panics
    /// When it does not come to it.
    pub fn reaches(&self, name: &str, status: &str) -> Value {
        let reached = wait::until(PATIENCE, || {
            let account = self.account(name)?;
            match account["status"] == status {
                true => Ok(account),
                false => Err(format!(
                    "{name} is {}: {}",
                    account["status"], account["errorMessage"]
                )),
            }
        });
        reached.unwrap_or_else(|error| panic!("{name} does not become {status} {error}"))
    }
}
