//! `/armory/**` and `/agents/**` as functions from request to response; both doors call
//! [`Api::handle`]. Codes and bodies are the contract's (sections 2 and 3); errors have
//! Clouddriver's shape. What begins with `/ferry/` is for the plugin's own Java: neither door lets
//! a request from outside reach it.

mod accounts;
mod agents;
mod answer;
mod audit;
mod batch;
mod body;
mod dry_run;
mod dynamic;
mod keys;
mod names;
mod openapi;
mod operations;
mod parameters;
mod query;
mod repeat;
mod report;
mod rollback;
mod routes;
mod scan;
mod show;

use crate::account::bound;
use crate::asker;
use crate::encoding::decode_segment;
use crate::lifecycle::Lifecycle;
use crate::source::Source;
use crate::store::{Actor, Claim, Store};
use answer::Failure;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use routes::{Found, Operation};
use std::borrow::Cow;
use std::sync::Arc;

/// The OpenAPI document of what is served here, as GET /armory/openapi.json answers it.
pub fn document() -> String {
    openapi::document().to_string()
}

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
    /// `kubesvc.api.maxBodySize`, in bytes.
    pub max_body: usize,
}

/// One request, taken apart.
struct Call<'a> {
    /// Path and query, as received.
    target: &'a str,
    query: query::Query,
    headers: &'a HeaderMap,
    user: Option<Cow<'a, str>>,
    body: &'a Bytes,
    /// Of a write with an Idempotency-Key, once it is this process's to carry out.
    claim: Option<Arc<Claim>>,
}

impl Call<'_> {
    /// For reading the source as the person who asks.
    fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Whether an earlier attempt at the same request is done with this account.
    fn came_already(&self, name: &str) -> bool {
        let claim = self.claim.as_ref();
        claim.is_some_and(|claim| claim.outcome(name).is_some())
    }

    fn actor(&self) -> Actor {
        Actor {
            who: asker::who(self.headers),
            request_id: asker::request_id(self.headers),
            claim: self.claim.clone(),
        }
    }
}

impl Api {
    /// Answers one request.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let outcome = match query::Query::parse(request.uri().query().unwrap_or_default()) {
            Ok(query) => {
                let target = request.uri().path_and_query();
                let call = Call {
                    target: target.map_or(path, |target| target.as_str()),
                    query,
                    headers: request.headers(),
                    user: asker::user(request.headers()),
                    body: request.body(),
                    claim: None,
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
        let (route, parts) = match routes::find(method, &segments) {
            Found::Route(route, parts) => (route, parts),
            Found::Methods(allowed) => return Err(Failure::method(method, path, &allowed)),
            Found::Nothing => return Err(Failure::unknown_path(path)),
        };
        call.query.only(route.query)?;
        if !route.body.is_empty() {
            self.check_body(call)?;
        }
        match repeat::key(call)? {
            Some(key) if route.is_write() => {
                let operation = route.operation;
                self.once(key, method, operation, &parts, call).await
            }
            _ => self.operate(route.operation, &parts, call).await,
        }
    }

    fn check_body(&self, call: &Call<'_>) -> Result<(), Failure> {
        if call.body.len() > self.max_body {
            return Err(Failure::too_large(self.max_body));
        }
        match asker::header(call.headers, "content-type") {
            Some(media) if !call.body.is_empty() && !is_json(&media) => Err(Failure::media(&media)),
            _ => Ok(()),
        }
    }

    /// Boxed, so that a caller's stack has room for one operation, not for each of them.
    fn operate<'a>(
        &'a self,
        operation: Operation,
        parts: &[&'a str],
        call: &'a Call<'_>,
    ) -> BoxFuture<'a, Result<Response<Bytes>, Failure>> {
        let part = parts.first().copied().unwrap_or_default();
        match operation {
            Operation::ListAccounts => self.list(call).boxed(),
            Operation::MigrateAccounts => self.migrate(call).boxed(),
            Operation::PatchAccounts => self.patch(call).boxed(),
            Operation::DeleteAccounts => self.delete(call).boxed(),
            Operation::ShowAccount => self.account(part, call).boxed(),
            Operation::ListAudit => self.audit(part, call).boxed(),
            Operation::ExportAudit => self.export(call).boxed(),
            Operation::DeleteAccount => self.delete_one(part, call).boxed(),
            Operation::ShowKubesvcAccount => self.kubesvc_account(part).boxed(),
            Operation::ListNamespaces => self.namespaces(part).boxed(),
            Operation::ListAgents => self.agents().boxed(),
            Operation::ShowAgent => self.agent(part).boxed(),
            Operation::DisconnectAgent => self.disconnect(part, call).boxed(),
            Operation::AssignAccounts => self.assign(call).boxed(),
            Operation::ListOperations => self.operations(call).boxed(),
            Operation::ShowOperationRecord => self.operation(part).boxed(),
            Operation::ForwardRequest | Operation::ForwardResult | Operation::ForwardDatabase => {
                ready(Err(Failure::unpublished())).boxed()
            }
            Operation::ListClouddrivers => self.clouddrivers().boxed(),
            Operation::ShowClouddriver => self.clouddriver(part).boxed(),
            Operation::ListKeys => self.keys().boxed(),
            Operation::RotateKeys => self.rotate_keys(call).boxed(),
            Operation::ListPoolSettings => ready(self.pool_settings()).boxed(),
            Operation::ShowOpenapi => {
                ready(Ok(answer::json(StatusCode::OK, &openapi::document()))).boxed()
            }
            Operation::PostDynamic => self.post_dynamic(call).boxed(),
            Operation::PutDynamic => self.put_dynamic(call).boxed(),
            Operation::PatchDynamic => self.patch(call).boxed(),
            Operation::RollBack => self.rollback(call).boxed(),
            Operation::ExplainScan => self.scan(part, call).boxed(),
            Operation::ListNames => self.names(call).boxed(),
            Operation::ListItems => self.items(call).boxed(),
        }
    }

    fn require_enabled(&self) -> Result<(), Failure> {
        if self.enabled {
            Ok(())
        } else {
            Err(Failure::disabled())
        }
    }
}

/// `application/json`, or a type that says it is written in JSON.
fn is_json(media: &str) -> bool {
    let kind = media.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
