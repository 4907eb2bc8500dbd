//! What is asked of the cores: requests to the API, and writes to `/credentials` as a door sees them.

use super::promises::{Picture, Why};
use super::world::{PLANTED, World, contents};
use super::{Fate, Outside, Write};
use crate::account::state::Wanted;
use crate::failpoint::test_fuse;
use crate::intercept::Outcome;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

/// A request with a key, which was answered.
#[derive(Debug)]
pub(super) struct Sent {
    key: String,
    method: &'static str,
    path: String,
    text: String,
    answer: (u16, String),
}

impl World {
    /// A request; answers its status. With a key, it can be sent once more.
    pub(super) async fn ask(&mut self, method: &'static str, path: &str, body: Value) -> u16 {
        let text = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = self.send(method, path, &text, self.key.as_deref()).await;
        let status = answer.0;
        if let Some(key) = self.key.clone().filter(|_| status < 500) {
            let path = path.to_owned();
            self.sent = Some(Sent {
                key,
                method,
                path,
                text,
                answer,
            });
        }
        status
    }

    async fn send(&self, method: &str, path: &str, text: &str, key: Option<&str>) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("X-SPINNAKER-USER", "anna");
        let request = match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        };
        let request = request.body(Bytes::from(text.to_owned())).unwrap();
        let answer = self.here().api.handle(request).await;
        let (status, text) = (answer.status(), String::from_utf8_lossy(answer.body()));
        let ours = status.is_server_error() && !(self.is_away && status == 503);
        assert!(!ours, "{method} {path}: {status} {text}");
        assert!(!text.contains(PLANTED), "{method} {path}: {text}");
        (status.as_u16(), text.into_owned())
    }

    /// The last request with a key is sent once more: it is answered as it was, and nothing is done.
    pub(super) async fn repeat(&mut self) {
        let Some(sent) = &self.sent else { return };
        let before = Picture::of(self.here()).await;
        let again = self.send(sent.method, &sent.path, &sent.text, Some(&sent.key));
        assert_eq!(again.await, sent.answer, "{sent:?}");
        let after = Picture::of(self.here()).await;
        for (name, view) in &before.rows {
            let now = after.rows.get(name).map(|now| &now.account);
            assert_eq!(now, Some(&view.account), "{sent:?}");
        }
        assert_eq!(after.rows.len(), before.rows.len(), "{sent:?}");
    }

    pub(super) async fn post(&mut self, names: &[&'static str], why: &mut Why) {
        why.makes.extend(names);
        self.ledger.ended.retain(|name| !names.contains(name));
        let entries: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        if self.ask("POST", "/armory/accounts", json!(entries)).await == 202 {
            for name in names {
                assert!(self.view(name).await.is_some(), "`{name}` was answered 202");
            }
        }
    }

    /// POST of an account with a definition.
    pub(super) async fn bring(&mut self, name: &'static str, edit: u32, why: &mut Why) {
        why.makes.insert(name);
        self.ledger.ended.remove(name);
        let body = json!({"name": name, "kubeconfigContents": contents(edit)});
        if self.ask("POST", "/armory/accounts/dynamic", body).await == 202 {
            self.keeps(name, edit).await;
        }
    }

    /// PUT of one.
    pub(super) async fn revise(&mut self, name: &'static str, edit: u32) {
        // Whether it has its effect is not known before it is answered.
        let before = self.ledger.brought.remove(name);
        let body = json!({"name": name, "kubeconfigContents": contents(edit)});
        match self.ask("PUT", "/armory/accounts/dynamic", body).await {
            202 => self.keeps(name, edit).await,
            _ => self.ledger.brought.extend(before.map(|edit| (name, edit))),
        }
    }

    pub(super) async fn delete(&mut self, names: &[&'static str], why: &mut Why) {
        why.deletes.extend(names);
        self.forgive(names);
        let before = self.leave(names);
        let status = self.ask("DELETE", "/armory/accounts", json!(names)).await;
        self.ledger.brought.extend(before);
        self.goes(names, status).await;
    }

    pub(super) async fn delete_one(&mut self, name: &'static str, why: &mut Why) {
        why.deletes.insert(name);
        self.forgive(&[name]);
        let before = self.leave(&[name]);
        let path = format!("/armory/accounts/{name}");
        let status = self.ask("DELETE", &path, Value::Null).await;
        self.ledger.brought.extend(before);
        self.goes(&[name], status).await;
    }

    /// Brings accounts back to Clouddriver's care: what it does not have stays.
    pub(super) async fn roll_back(&mut self, names: &[&'static str], why: &mut Why) {
        let there = names.iter().copied();
        let there = there.filter(|name| self.outside.accounts.contains_key(name));
        let there: Vec<&'static str> = there.collect();
        why.deletes.extend(&there);
        self.forgive(&there);
        let before = self.leave(&there);
        let body = json!({"names": names});
        let status = self.ask("POST", "/armory/accounts/rollback", body).await;
        self.ledger.brought.extend(before);
        self.goes(names, status).await;
    }

    /// Takes out what these have of their own: it may go, should the core die.
    fn leave(&mut self, names: &[&'static str]) -> BTreeMap<&'static str, u32> {
        let (left, stays) = std::mem::take(&mut self.ledger.brought)
            .into_iter()
            .partition(|(name, _)| names.contains(name));
        self.ledger.brought = stays;
        left
    }

    pub(super) async fn patch(
        &mut self,
        names: &[&'static str],
        active: bool,
        zone: Option<&str>,
        why: &mut Why,
    ) {
        let (state, set, wanted) = match active {
            true => ("ACTIVE", &mut why.activates, Wanted::Active),
            false => ("INACTIVE", &mut why.deactivates, Wanted::Inactive),
        };
        set.extend(names);
        let entry = |name: &&str| match zone {
            Some(zone) => json!({"name": name, "state": state, "zoneId": zone}),
            None => json!({"name": name, "state": state}),
        };
        let entries: Vec<Value> = names.iter().map(entry).collect();
        let alone = names.len() == 1;
        match self.ask("PATCH", "/armory/accounts", json!(entries)).await {
            202 => {
                for name in names {
                    let view = self.view(name).await.expect("it was answered 202");
                    assert_eq!(view.account.wanted, wanted, "{view:#?}");
                }
            }
            // What is refused changes nothing.
            _ if alone => {
                why.activates.clear();
                why.deactivates.clear();
            }
            _ => {}
        }
    }

    /// A write through the interceptor, as a door does it.
    pub(super) async fn write(
        &mut self,
        write: Write,
        name: &'static str,
        fate: Fate,
        outside: &Outside,
        why: &mut Why,
    ) {
        let method = match write {
            Write::Post => Method::POST,
            Write::Put => Method::PUT,
            Write::Delete => Method::DELETE,
        };
        let is_new = !self.outside.accounts.contains_key(name);
        let body = json!({
            "type": "kubernetes", "name": name, "kubeconfigContents": contents(outside.edits),
        });
        let path = match write {
            Write::Delete => format!("/credentials/{name}"),
            _ => "/credentials".to_owned(),
        };
        if fate != Fate::Refused {
            let known = [
                (Write::Post, "POST"),
                (Write::Put, "PUT"),
                (Write::Delete, "DELETE"),
            ];
            let method = known.into_iter().find(|(of, _)| *of == write);
            why.writes.insert(name, method.expect("one of three").1);
        }
        // Clouddriver's word counts from now on.
        self.ledger.brought.remove(name);
        self.ledger.ended.remove(name);
        if outside.taken {
            // Whatever becomes of the core, Clouddriver has it.
            self.ledger.owed.remove(name);
        }
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-spinnaker-user"),
            http::HeaderValue::from_static("anna"),
        )]);
        let body = Bytes::from(body.to_string());
        let interceptor = self.here().interceptor.clone();
        let begun = AssertUnwindSafe(interceptor.begin(&method, &path, &headers, &body));
        let begun = begun.catch_unwind().await;
        match (outside.taken, write) {
            (false, _) => {}
            (true, Write::Delete) => self.clouddriver.remove(name),
            (true, _) => self.put(name, outside.edits),
        }
        let Ok(begun) = begun else { return };
        let outcome = match fate {
            Fate::Unheard(_) => Outcome::Unknown,
            _ if outside.taken => Outcome::Answered(StatusCode::CREATED),
            _ => Outcome::Answered(StatusCode::BAD_REQUEST),
        };
        let begun = begun.expect("the database is there");
        let begun = begun.expect("it concerns an account");
        begun.settle(outcome).await;
        let answered = outside.taken && fate == Fate::Answered && !test_fuse::is_burnt();
        if answered && write != Write::Delete && (is_new || write == Write::Post) {
            self.ledger.owed.insert(name);
        }
        let open = Picture::of(self.here()).await.open;
        if answered && !open.contains_key(name) {
            self.shows(write, name, outside).await;
        }
    }

    /// A write that was answered 2xx is recorded.
    async fn shows(&mut self, write: Write, name: &'static str, outside: &Outside) {
        if write == Write::Delete {
            return self.goes(&[name], 202).await;
        }
        let view = self.view(name).await;
        let stays = view.is_some_and(|view| view.account.wanted != Wanted::Deleted);
        if stays {
            let kept = contents(outside.edits);
            assert_eq!(self.kept(name).await, (kept, false), "`{name}`");
        }
    }

    pub(super) fn put(&self, name: &str, edit: u32) {
        self.clouddriver
            .put(name, json!({"kubeconfigContents": contents(edit)}));
    }

    pub(super) async fn look(&mut self, name: &str) {
        for path in [
            format!("/armory/accounts/{name}"),
            format!("/armory/accounts/{name}/scan"),
            format!("/agents/kubernetes/accounts/{name}"),
            format!("/armory/accounts/{name}/audit"),
            "/armory/accounts".to_owned(),
            "/armory/agents".to_owned(),
        ] {
            self.ask("GET", &path, Value::Null).await;
        }
    }
}
