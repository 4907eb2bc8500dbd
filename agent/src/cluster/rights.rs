//! Whether the credentials may do with the selected kinds what an account does: list and watch them.
//! The cluster is asked for each by a SelfSubjectAccessReview, which every user may create.

use std::time::Duration;

use futures_util::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::Cluster;
use super::kinds::{Kind, Selection};
use super::trouble::of_request;
use crate::cause::{Trouble, printable};

/// Questions under way at the same time.
const AT_ONCE: usize = 8;

impl Cluster {
    /// What the credentials lack, such as `watch pods in all namespaces`.
    pub async fn lacking(
        &self,
        kinds: &[Kind],
        selection: &Selection,
        limit: Duration,
    ) -> Result<Vec<String>, Trouble> {
        let everywhere = [String::new()];
        let mut questions = Vec::new();
        for kind in kinds {
            let namespaces = match kind.namespaced {
                true if !selection.namespaces.is_empty() => selection.namespaces.as_slice(),
                _ => &everywhere,
            };
            for namespace in namespaces {
                for verb in ["list", "watch"] {
                    questions.push((verb, kind, namespace.as_str()));
                }
            }
        }
        let mut lacking = Vec::new();
        for some in questions.chunks(AT_ONCE) {
            let mut asked = Vec::with_capacity(some.len());
            for (verb, kind, namespace) in some {
                asked.push(self.may(verb, kind, namespace, limit));
            }
            let allowed = try_join_all(asked).await?;
            let refused = some.iter().zip(allowed).filter(|(_, allowed)| !allowed);
            lacking.extend(refused.map(|((verb, kind, namespace), _)| lack(verb, kind, namespace)));
        }
        Ok(lacking)
    }

    async fn may(
        &self,
        verb: &str,
        kind: &Kind,
        namespace: &str,
        limit: Duration,
    ) -> Result<bool, Trouble> {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some(kind.resource.group.clone()),
                    version: Some(kind.resource.version.clone()),
                    resource: Some(kind.resource.plural.clone()),
                    namespace: Some(namespace.to_owned()),
                    verb: Some(verb.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let what = "a SelfSubjectAccessReview";
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.clients.first());
        let parameters = PostParams::default();
        let answer = self.ask(what, limit, reviews.create(&parameters, &review));
        let review = answer.await?;
        let review = review.map_err(|error| of_request(&error, &self.server, what))?;
        Ok(review.status.is_some_and(|status| status.allowed))
    }
}

fn lack(verb: &str, kind: &Kind, namespace: &str) -> String {
    let resource = match kind.resource.group.as_str() {
        "" => kind.resource.plural.clone(),
        group => format!("{}.{group}", kind.resource.plural),
    };
    let place = match (kind.namespaced, namespace) {
        (false, _) => String::new(),
        (true, "") => " in all namespaces".to_owned(),
        (true, namespace) => format!(" in namespace {namespace}"),
    };
    printable(&format!("{verb} {resource}{place}"))
}
