//! `/armory/**` and `/agents/**` as functions from request to response; both doors call
//! [`Api::handle`]. Codes and bodies are the contract's (sections 2 and 3); errors have
//! Clouddriver's shape. What begins with `/ferry/` is for the plugin's own Java: neither door lets
//! a request from outside reach it.

mod accounts;
mod answer;
mod batch;
mod query;
mod show;

use crate::account::bound;
use crate::encoding::decode_segment;
use crate::lifecycle::Lifecycle;
use crate::source::Source;
use crate::store::{Actor, Store};
use answer::Failure;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use std::sync::Arc;

/// The API of one core.
pub struct Api {
    /// The tables.
    pub store: Store,
    /// Clouddriver's accounts.
    pub source: Source,
    /// The verbs.
    pub lifecycle: Arc<Lifecycle>,
    /// `kubesvc.dynamicAccounts.enabled`; off: writes are 501.
    pub enabled: bool,
    /// `kubesvc.compat.emptyObjectForUnknown`.
    pub empty_object_for_unknown: bool,
}

/// One request, taken apart.
struct Call<'a> {
    query: query::Query,
    headers: &'a HeaderMap,
    body: &'a Bytes,
}

impl Call<'_> {
    /// X-SPINNAKER-USER, for reading the source as the person who asks.
    fn user(&self) -> Option<&str> {
        self.header("X-SPINNAKER-USER")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)?
            .to_str()
            .ok()
            .filter(|value| !value.is_empty())
    }

    fn actor(&self) -> Actor {
        Actor {
            who: bound::cut(self.user().unwrap_or("unknown")),
            request_id: self.header("X-SPINNAKER-REQUEST-ID").map(bound::cut),
        }
    }
}

impl Api {
    /// Answers one request.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let outcome = match query::Query::parse(request.uri().query().unwrap_or_default()) {
            Ok(query) => {
                let call = Call {
                    query,
                    headers: request.headers(),
                    body: request.body(),
                };
                self.route(request.method(), path, &call).await
            }
            Err(failure) => Err(failure),
        };
        outcome.unwrap_or_else(|failure| answer::error(&failure))
    }

    async fn route(
        &self,
        method: &Method,
        path: &str,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        let segments: Vec<String> = path
            .trim_matches('/')
            .split('/')
            .map(decode_segment)
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if segments
            .iter()
            .any(|segment| bound::no_nul(segment).is_err())
        {
            return Err(Failure::bad("the path has a NUL character"));
        }
        let allowed: &[&str] = match segments.as_slice() {
            ["armory", "accounts"] => match *method {
                Method::GET => return self.list(call).await,
                Method::POST => return self.migrate(call).await,
                Method::PATCH => return self.patch(call).await,
                Method::DELETE => return self.delete(call).await,
                _ => &["GET", "POST", "PATCH", "DELETE"],
            },
            ["armory", "accounts", name] => match *method {
                Method::GET => return self.account(name, call).await,
                Method::DELETE => return self.delete_one(name, call).await,
                _ => &["GET", "DELETE"],
            },
            ["agents", "kubernetes", "accounts", name] => match *method {
                Method::GET => return self.kubesvc_account(name, call).await,
                _ => &["GET"],
            },
            ["armory", "agents"] => match *method {
                Method::GET => return self.agents(call).await,
                _ => &["GET"],
            },
            ["ferry", "accounts", "names"] => match *method {
                Method::GET => return self.names(call).await,
                _ => &["GET"],
            },
            ["ferry", "accounts", "items"] => match *method {
                Method::POST => return self.items(call).await,
                _ => &["POST"],
            },
            _ => return Err(Failure::unknown_path(path)),
        };
        Err(Failure::method(method, path, allowed))
    }

    fn require_enabled(&self) -> Result<(), Failure> {
        if self.enabled {
            Ok(())
        } else {
            Err(Failure::disabled())
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
