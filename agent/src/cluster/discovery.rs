//! Which of the selected kinds a cluster serves, and in which version.
//!
//! Asks for the selected groups only: one broken extension server must not spoil the rest. A group
//! or a kind that is not there, or not allowed, is left out and told as missing; that nothing is left
//! is an error, and so is a core group that cannot be read for now.

use std::collections::BTreeSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroup, APIResource, APIResourceList};
use kube::discovery::ApiResource;
use tracing::info;

use super::Cluster;
use super::kinds::{Discovered, Kind, KindName, Selection};
use super::trouble::{of_request, said};
use crate::cause::{Trouble, printable};

/// Finds the selected kinds that can be listed and watched.
pub(super) async fn discover(
    cluster: &Cluster,
    selection: &Selection,
    limit: Duration,
) -> Result<Discovered, Trouble> {
    let found = look(cluster, &selection.wanted(), selection, limit).await?;
    let missing: Vec<String> = found.missing.iter().map(ToString::to_string).collect();
    let missing = printable(&missing.join(", "));
    if !missing.is_empty() {
        info!(
            server = cluster.server,
            kinds = missing,
            "kinds that the cluster does not serve are left out"
        );
    }
    if found.kinds.is_empty() {
        let said = match missing.is_empty() {
            true => "only cluster-scoped kinds are selected".into(),
            false => format!("not served: {missing}"),
        };
        return Err(Trouble::NothingServed {
            server: cluster.server.clone(),
            said,
        });
    }
    Ok(found)
}

/// Looks for these kinds alone.
pub(super) async fn look(
    cluster: &Cluster,
    wanted: &[KindName],
    selection: &Selection,
    limit: Duration,
) -> Result<Discovered, Trouble> {
    let groups: BTreeSet<&str> = wanted.iter().map(|kind| kind.group.as_str()).collect();
    let mut found = Discovered::default();
    let served = if groups.iter().all(|group| group.is_empty()) {
        Vec::new()
    } else {
        let client = cluster.clients.first();
        let answer = cluster
            .ask("/apis", limit, client.list_api_groups())
            .await?;
        answer
            .map_err(|error| of_request(&error, &cluster.server, "/apis"))?
            .groups
    };
    for group in groups {
        let of_group: Vec<&KindName> = wanted.iter().filter(|kind| kind.group == group).collect();
        let lists = resource_lists(cluster, group, &served, &of_group, limit).await?;
        for kind in of_group {
            match lists.iter().find_map(|list| pick(kind, list)) {
                Some(kind) if kind.namespaced || !selection.only_namespaced => {
                    found.kinds.push(kind);
                }
                Some(_) => {}
                None => found.missing.push(kind.clone()),
            }
        }
    }
    Ok(found)
}

/// The resources of a group's versions, the preferred one first, until all wanted kinds are seen.
async fn resource_lists(
    cluster: &Cluster,
    group: &str,
    served: &[APIGroup],
    wanted: &[&KindName],
    limit: Duration,
) -> Result<Vec<APIResourceList>, Trouble> {
    let client = cluster.clients.first();
    let core = group.is_empty();
    let what = match core {
        true => "/api/v1",
        false => "a group below /apis",
    };
    let mut lists: Vec<APIResourceList> = Vec::new();
    for version in versions(group, served) {
        let answer = if core {
            let request = client.list_core_api_resources(&version);
            cluster.ask(what, limit, request).await?
        } else {
            let request = client.list_api_group_resources(&version);
            cluster.ask(what, limit, request).await?
        };
        match answer {
            Ok(list) => lists.push(list),
            // A group may be forbidden, gone, or its extension server down. For the core group no such
            // server answers: it is the API server that cannot for now.
            Err(kube::Error::Api(status))
                if status.code != 401 && !(core && matches!(status.code, 429 | 500..)) =>
            {
                let why = said(&status.message);
                info!(
                    server = cluster.server,
                    group,
                    code = status.code,
                    why,
                    "group left out"
                );
            }
            Err(error) => return Err(of_request(&error, &cluster.server, what)),
        }
        if wanted
            .iter()
            .all(|kind| lists.iter().any(|list| pick(kind, list).is_some()))
        {
            break;
        }
    }
    Ok(lists)
}

/// `group/version` of every version of a group; for the core group just the version.
fn versions(group: &str, served: &[APIGroup]) -> Vec<String> {
    if group.is_empty() {
        return vec!["v1".into()];
    }
    let Some(group) = served
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(group))
    else {
        return Vec::new();
    };
    let preferred = group
        .preferred_version
        .iter()
        .map(|version| version.group_version.clone());
    let mut versions: Vec<String> = preferred.collect();
    for version in &group.versions {
        if !versions.contains(&version.group_version) {
            versions.push(version.group_version.clone());
        }
    }
    versions
}

fn pick(wanted: &KindName, list: &APIResourceList) -> Option<Kind> {
    let can = |resource: &APIResource, verb: &str| resource.verbs.iter().any(|v| v == verb);
    let resource = list.resources.iter().find(|resource| {
        resource.kind.eq_ignore_ascii_case(&wanted.kind)
            && !resource.name.contains('/')
            && can(resource, "list")
            && can(resource, "watch")
    })?;
    let (group, version) = list
        .group_version
        .split_once('/')
        .unwrap_or(("", list.group_version.as_str()));
    let name = KindName {
        kind: resource.kind.clone(),
        group: group.into(),
    }
    .to_string();
    let api = ApiResource {
        group: group.into(),
        version: version.into(),
        api_version: list.group_version.clone(),
        kind: resource.kind.clone(),
        plural: resource.name.clone(),
    };
    Some(Kind {
        name,
        resource: api,
        namespaced: resource.namespaced,
    })
}
