//! What a person does who repeats what was not answered, and what they wait for.

use super::Walk;
use crate::ground::{PATIENCE, ground};
use ferry_tests::{Answer, clouddriver, http, wait};
use serde_json::{Value, json};

impl Walk {
    pub(super) fn delete(&mut self, name: &str) -> Result<(), String> {
        self.ask("DELETE", &format!("/credentials/{name}"), None, &[200, 404])?;
        self.is_gone(name)
    }

    /// POSTs an account until Clouddriver has it.
    pub(super) fn create(&mut self, name: &str, kubeconfig: &str) -> Result<(), String> {
        let body = clouddriver::account(name, kubeconfig);
        self.until(|walk| {
            match walk
                .pair
                .sidecar
                .request("POST", "/credentials", Some(&body))
            {
                Ok(answer) if answer.status == 200 => Ok(()),
                // An earlier try was carried out, only its answer was lost.
                _ if ground().clouddriver.stored(name).is_some() => Ok(()),
                Ok(answer) => panic!("POST {name}: {} {}", answer.status, answer.body),
                Err(error) => Err(error),
            }
        })
    }

    /// Has the core end its agent's connection.
    pub(super) fn disconnect(&mut self) -> Result<(), String> {
        let id = self.until(|walk| {
            let agents = walk.pair.sidecar.request("GET", "/armory/agents", None)?;
            let id = agents.json()[0]["agentId"].as_str().map(str::to_owned);
            id.ok_or("no agent is connected".to_owned())
        })?;
        let path = format!("/armory/agent/{id}/disconnect");
        // 404: it is not back yet from the last time.
        self.ask("POST", &path, None, &[202, 404]).map(drop)
    }

    pub(super) fn patch(&mut self, name: &str, state: &str) -> Result<(), String> {
        let body = json!([{"name": name, "state": state}]).to_string();
        let key = format!("{name} {state}");
        let headers = [
            ("Content-Type", "application/json"),
            ("Idempotency-Key", &key),
        ];
        self.until(|walk| {
            let url = format!("{}/armory/accounts", walk.pair.sidecar.url);
            let answer = http::send("PATCH", &url, &headers, &body)?;
            assert_eq!(answer.status, 202, "PATCH {name}: {answer:?}");
            Ok(())
        })
    }

    /// Repeats a request until it is answered, with one of these codes.
    pub(super) fn ask(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        expected: &[u16],
    ) -> Result<Answer, String> {
        self.until(|walk| {
            let answer = walk.pair.sidecar.request(method, path, body)?;
            assert!(
                expected.contains(&answer.status),
                "{method} {path}: {answer:?}"
            );
            Ok(answer)
        })
    }

    pub(super) fn reaches(&mut self, name: &str, status: &str) -> Result<(), String> {
        let reached = self.until(|walk| {
            let account = walk.pair.account(name)?;
            let now = format!("{} {}", account["status"], account["errorMessage"]);
            if account["status"] == status {
                Ok(())
            } else {
                Err(now)
            }
        });
        reached.map_err(|reason| format!("{name} does not become {status} {reason}"))
    }

    pub(super) fn is_served(&mut self, name: &str) -> Result<(), String> {
        self.until(|walk| {
            let account = walk.pair.account(name)?;
            let served = account["status"] == "ACTIVE" && account["connections"] == 1;
            if served {
                Ok(())
            } else {
                Err(account.to_string())
            }
        })
    }

    pub(super) fn is_gone(&mut self, name: &str) -> Result<(), String> {
        self.until(|walk| match walk.pair.account(name) {
            Err(answer) if answer.starts_with("404") => Ok(()),
            other => Err(format!("{name} is still there: {other:?}")),
        })
    }

    /// Repeats `what` until it is `Ok`; what has died meanwhile is started again.
    pub(super) fn until<T>(
        &mut self,
        mut what: impl FnMut(&mut Walk) -> Result<T, String>,
    ) -> Result<T, String> {
        wait::until(PATIENCE, || {
            self.revive();
            what(self)
        })
    }
}
