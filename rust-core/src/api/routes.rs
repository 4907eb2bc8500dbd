//! The table of routes: what there is to ask for, with what, and which answers it has. `Api` finds
//! a request's route here, and the OpenAPI document is made from it.

use super::parameters::{
    EXPORT, LIST, NAMES, OPERATIONS, PAGES, Parameter, REPORT, REPORT_OR_DRY_RUN, text,
};
use http::Method;

/// What a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    ListAccounts,
    MigrateAccounts,
    PatchAccounts,
    DeleteAccounts,
    ShowAccount,
    ListAudit,
    ExportAudit,
    DeleteAccount,
    ShowKubesvcAccount,
    ListNamespaces,
    ListAgents,
    ShowAgent,
    DisconnectAgent,
    AssignAccounts,
    ListOperations,
    ShowOperationRecord,
    ForwardRequest,
    ForwardResult,
    ForwardDatabase,
    ListClouddrivers,
    ShowClouddriver,
    ListPoolSettings,
    ListKeys,
    RotateKeys,
    ShowOpenapi,
    ExplainScan,
    PostDynamic,
    PutDynamic,
    PatchDynamic,
    RollBack,
    /// The list's names alone, for the plugin.
    ListNames,
    /// The list's items of some names, for the plugin.
    ListItems,
}

/// One method of one path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// `{…}` stands for one segment of any text.
    pub(super) path: &'static str,
    pub(super) operation: Operation,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Parameter],
    /// The schema of the request's body; empty: it has none.
    pub(super) body: &'static str,
    /// Status and schema of each answer; without a schema it has no body. Those of
    /// [`Route::refusals`] come on top.
    pub(super) answers: &'static [(u16, &'static str)],
}

const DRY_RUN: (u16, &str) = (200, "DryRun");

const fn route(
    method: Method,
    path: &'static str,
    operation: Operation,
    summary: &'static str,
    answers: &'static [(u16, &'static str)],
) -> Route {
    Route {
        method,
        path,
        operation,
        summary,
        query: &[],
        body: "",
        answers,
    }
}

impl Route {
    const fn query(mut self, query: &'static [Parameter]) -> Route {
        self.query = query;
        self
    }

    const fn body(mut self, body: &'static str) -> Route {
        self.body = body;
        self
    }

    /// Errors that it may answer whatever is asked: a wrong query or body, one who may not ask, a
    /// database or a Clouddriver that is away.
    pub(super) fn refusals(&self) -> Vec<u16> {
        let mut refusals = vec![400, 403];
        if !self.body.is_empty() {
            refusals.extend([413, 415]);
        }
        if self.is_write() {
            // 409: the request with this Idempotency-Key is still under way.
            let own = self.answers.iter().any(|(status, _)| *status == 409);
            refusals.extend((!own).then_some(409));
            refusals.push(422);
        }
        refusals.extend(self.reads_database().then_some(503));
        refusals
    }

    fn reads_database(&self) -> bool {
        let own = [Operation::ListPoolSettings, Operation::ShowOpenapi];
        self.answers != UNPUBLISHED && !own.contains(&self.operation)
    }

    /// Whether it changes something, so that an Idempotency-Key counts.
    pub(super) fn is_write(&self) -> bool {
        self.is_public() && self.method != Method::GET && self.answers != UNPUBLISHED
    }

    /// Whether other programs than the plugin may ask for it.
    pub(super) fn is_public(&self) -> bool {
        !self.path.starts_with("/ferry/")
    }
}

const UNPUBLISHED: &[(u16, &str)] = &[(501, "Error")];
const BATCH_OR_DRY_RUN: &[(u16, &str)] =
    &[DRY_RUN, (202, "Accepted"), (409, "Error"), (501, "Error")];
const ASSIGNED: &[(u16, &str)] = &[(202, "Accepted"), (501, "Error")];
const BATCH: &[(u16, &str)] = &[(202, "Accepted"), (409, "Error"), (501, "Error")];

/// Every route. Where two paths fit, the earlier one is taken.
pub(super) static ROUTES: &[Route] = &[
    route(
        Method::GET,
        "/armory/accounts",
        Operation::ListAccounts,
        "The accounts there are: migrated ones, agents' own, and those that nobody migrated",
        &[(200, "AccountPage")],
    )
    .query(LIST),
    route(
        Method::POST,
        "/armory/accounts",
        Operation::MigrateAccounts,
        "Takes Clouddriver's accounts over: they become INACTIVE here",
        &[DRY_RUN, (202, "Taken"), (409, "Present"), (501, "Error")],
    )
    .query(REPORT_OR_DRY_RUN)
    .body("Entries"),
    route(
        Method::PATCH,
        "/armory/accounts",
        Operation::PatchAccounts,
        "Brings accounts to ACTIVE or INACTIVE",
        BATCH_OR_DRY_RUN,
    )
    .query(REPORT_OR_DRY_RUN)
    .body("Entries"),
    route(
        Method::DELETE,
        "/armory/accounts",
        Operation::DeleteAccounts,
        "Ends the migration of accounts: agents drop them, Clouddriver keeps them",
        BATCH,
    )
    .query(REPORT)
    .body("NamesInBatch"),
    route(
        Method::GET,
        "/armory/accounts/{name}",
        Operation::ShowAccount,
        "One account",
        &[(200, "Account"), (404, "Error")],
    ),
    route(
        Method::GET,
        "/armory/accounts/{name}/audit",
        Operation::ListAudit,
        "Who moved an account when, from where to where and why; the latest first",
        &[(200, "AuditPage")],
    )
    .query(PAGES),
    route(
        Method::GET,
        "/armory/audit",
        Operation::ExportAudit,
        "The audit of all accounts as JSON Lines, the earliest first",
        &[(200, "JsonLines")],
    )
    .query(EXPORT),
    route(
        Method::DELETE,
        "/armory/accounts/{name}",
        Operation::DeleteAccount,
        "Ends the migration of one account",
        BATCH,
    )
    .query(REPORT),
    route(
        Method::POST,
        "/armory/accounts/dynamic",
        Operation::PostDynamic,
        "Makes accounts whose definitions come with the request: they become INACTIVE",
        &[
            DRY_RUN,
            (202, "Taken"),
            (409, "PresentDynamic"),
            (501, "Error"),
        ],
    )
    .query(REPORT_OR_DRY_RUN)
    .body("DynamicAccounts"),
    route(
        Method::PUT,
        "/armory/accounts/dynamic",
        Operation::PutDynamic,
        "Gives an account that is here a new definition; agents that hold it are sent it",
        &[(202, "Taken"), (409, "Error"), (501, "Error")],
    )
    .query(REPORT)
    .body("RevisedAccount"),
    route(
        Method::PATCH,
        "/armory/accounts/dynamic",
        Operation::PatchDynamic,
        "Brings accounts to ACTIVE or INACTIVE",
        BATCH_OR_DRY_RUN,
    )
    .query(REPORT_OR_DRY_RUN)
    .body("Entries"),
    route(
        Method::POST,
        "/armory/accounts/rollback",
        Operation::RollBack,
        "Brings accounts back to Clouddriver's care, by name or all of a zone",
        &[(202, "Items"), (409, "Error"), (501, "Error")],
    )
    .body("Rollback"),
    route(
        Method::GET,
        "/armory/accounts/{name}/scan",
        Operation::ExplainScan,
        "Why automatic migration takes an account, or does not",
        &[(200, "ScanVerdict"), (404, "Error")],
    ),
    route(
        Method::GET,
        "/agents/kubernetes/accounts/{name}",
        Operation::ShowKubesvcAccount,
        "One account as agents see it",
        &[(200, "KubesvcAccount"), (404, "Error"), (501, "Error")],
    ),
    route(
        Method::GET,
        "/agents/kubernetes/accounts/{name}/namespaces",
        Operation::ListNamespaces,
        "The cluster's namespaces as its agent saw them last, of those that its definition leaves to it; \
         before, those that the definition names. At most 10,000: when there are more, `X-Total-Count` \
         says how many",
        &[(200, "Names"), (404, "Error"), (501, "Error")],
    ),
    route(
        Method::GET,
        "/armory/agents",
        Operation::ListAgents,
        "The connected agents",
        &[(200, "Agents")],
    ),
    route(
        Method::GET,
        "/armory/agents/{agentId}",
        Operation::ShowAgent,
        "One connected agent",
        &[(200, "Agent"), (404, "Error")],
    ),
    route(
        Method::POST,
        "/armory/agent/{agentId}/disconnect",
        Operation::DisconnectAgent,
        "Ends an agent's connection; it connects again and brings all it has",
        &[(202, ""), (404, "Error")],
    )
    .body("Disconnect"),
    route(
        Method::POST,
        "/armory/agent/assignments",
        Operation::AssignAccounts,
        "Sees to it that an available agent caches each of these accounts",
        ASSIGNED,
    )
    .body("NamesInBatch"),
    route(
        Method::GET,
        "/armory/agent/operations",
        Operation::ListOperations,
        "What agents were told about accounts and what came of it; the latest first",
        &[(200, "Operations")],
    )
    .query(OPERATIONS),
    route(
        Method::GET,
        "/armory/agent/operations/{opId}",
        Operation::ShowOperationRecord,
        "One thing that an agent was told, and what came of it",
        &[(200, "Operation"), (404, "Error")],
    ),
    route(
        Method::POST,
        "/armory/agent/operations",
        Operation::ForwardRequest,
        "Not served: the messages between replicas are unpublished",
        UNPUBLISHED,
    ),
    route(
        Method::POST,
        "/armory/agent/operationresults",
        Operation::ForwardResult,
        "Not served: the messages between replicas are unpublished",
        UNPUBLISHED,
    ),
    route(
        Method::POST,
        "/armory/agent/operations/database",
        Operation::ForwardDatabase,
        "Not served: the messages between replicas are unpublished",
        UNPUBLISHED,
    )
    .query(&[text("dynamicAccountOps", "Unused.")]),
    route(
        Method::GET,
        "/armory/clouddrivers",
        Operation::ListClouddrivers,
        "The cores that are up",
        &[(200, "Clouddrivers")],
    ),
    route(
        Method::GET,
        "/armory/clouddrivers/sql/pool/settings",
        Operation::ListPoolSettings,
        "This core's database connections",
        &[(200, "PoolSettings")],
    ),
    route(
        Method::GET,
        "/armory/clouddrivers/{clouddriverId}",
        Operation::ShowClouddriver,
        "One core that is up",
        &[(200, "Clouddriver"), (404, "Error")],
    ),
    route(
        Method::GET,
        "/armory/keys",
        Operation::ListKeys,
        "The keys of this core, and how many secrets are sealed with which",
        &[(200, "Keys")],
    ),
    route(
        Method::POST,
        "/armory/keys/rotate",
        Operation::RotateKeys,
        "Seals every secret with this core's key, while all cores serve",
        &[(200, "Rotation"), (409, "Error")],
    ),
    route(
        Method::GET,
        "/armory/openapi.json",
        Operation::ShowOpenapi,
        "This document",
        &[(200, "OpenApi")],
    ),
    route(
        Method::GET,
        "/ferry/accounts/names",
        Operation::ListNames,
        "The next names that the list of this query has, on whatever page",
        &[(200, "")],
    )
    .query(NAMES),
    route(
        Method::POST,
        "/ferry/accounts/items",
        Operation::ListItems,
        "The list's items of these names",
        &[(200, "")],
    )
    .body("NamesInBatch"),
];

/// What is found for a method and the decoded segments of a path.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// The route, and what stands for its `{…}`.
    Route(&'static Route, Vec<&'a str>),
    /// The path is for these methods.
    Methods(Vec<&'static str>),
    /// No route has this path.
    Nothing,
}

pub(super) fn find<'a>(method: &Method, segments: &[&'a str]) -> Found<'a> {
    let mut methods = Vec::new();
    for route in ROUTES {
        let Some(parts) = parts(route.path, segments) else {
            continue;
        };
        if route.method == *method {
            return Found::Route(route, parts);
        }
        if !methods.contains(&route.method.as_str()) {
            methods.push(route.method.as_str());
        }
    }
    match methods.is_empty() {
        true => Found::Nothing,
        false => Found::Methods(methods),
    }
}

fn parts<'a>(path: &str, segments: &[&'a str]) -> Option<Vec<&'a str>> {
    let mut parts = Vec::new();
    let mut expected = path.trim_start_matches('/').split('/');
    for segment in segments {
        let expected = expected.next()?;
        if expected.starts_with('{') {
            if segment.is_empty() {
                return None;
            }
            parts.push(*segment);
        } else if expected != *segment {
            return None;
        }
    }
    expected.next().is_none().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_an_array_is_not_empty() {
        let schemas: serde_json::Value =
            serde_json::from_str(include_str!("schemas.json")).unwrap();
        let bodies = ROUTES.iter().filter(|route| !route.body.is_empty());
        for body in bodies.map(|route| &schemas[route.body]) {
            let inner = body["anyOf"].as_array().map_or(&[][..], Vec::as_slice);
            for shape in inner.iter().chain([body]) {
                assert!(shape["type"] != "array" || shape["minItems"] == 1, "{body}");
            }
        }
    }

    #[test]
    fn every_route_is_found_by_its_own_path() {
        for route in ROUTES {
            let segments: Vec<&str> = route.path.trim_start_matches('/').split('/').collect();
            match find(&route.method, &segments) {
                Found::Route(found, _) => assert_eq!(found.operation, route.operation),
                other => panic!("{} {}: {other:?}", route.method, route.path),
            }
        }
    }
}
