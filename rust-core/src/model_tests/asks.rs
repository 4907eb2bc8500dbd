//! What is asked of the cores: requests to the API, and writes to `/credentials` as a door sees them.

use super::promises::Why;
use super::world::{PLANTED, World, contents};
use super::{Fate, Outside, Write};
use crate::account::state::Wanted;
use crate::failpoint::test_fuse;
use crate::intercept::Outcome;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use std::panic::AssertUnwindSafe;

impl World {
    /// A request; answers its status.
    pub(super) async fn ask(&self, method: &str, path: &str, body: Value) -> u16 {
        let text = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("X-SPINNAKER-USER", "anna")
            .body(Bytes::from(text))
            .unwrap();
        let answer = self.here().api.handle(request).await;
        let (status, text) = (answer.status(), String::from_utf8_lossy(answer.body()));
        let ours = status.is_server_error() && !(self.is_away && status == 503);
        assert!(!ours, "{method} {path}: {status} {text}");
        assert!(!text.contains(PLANTED), "{method} {path}: {text}");
        status.as_u16()
    }

    /// Nobody is owed what was asked to be deleted.
    pub(super) fn forgive(&mut self, names: &[&'static str]) {
        self.owed.retain(|name| !names.contains(name));
    }

    pub(super) async fn post(&mut self, names: &[&'static str], why: &mut Why) {
        why.makes.extend(names);
        let entries: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        if self.ask("POST", "/armory/accounts", json!(entries)).await == 202 {
            for name in names {
                assert!(self.view(name).await.is_some(), "`{name}` was answered 202");
            }
        }
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
        if outside.taken {
            // Whatever becomes of the core, Clouddriver has it.
            self.owed.remove(name);
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
            self.owed.insert(name);
        }
    }

    pub(super) fn put(&self, name: &str, edit: u32) {
        self.clouddriver
            .put(name, json!({"kubeconfigContents": contents(edit)}));
    }

    pub(super) async fn look(&self, name: &str) {
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
