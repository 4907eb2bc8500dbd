//! From the wire's messages to what the store keeps.

use crate::account::{Cluster, HoldingState};
use crate::store::{Held, Registration, StaticAccount};
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::{AccountReport, Register};

pub(super) fn registration(register: Register, core_id: &str, session_id: String) -> Registration {
    let static_accounts = register.static_accounts.into_iter().map(|account| {
        let mut held = account
            .report
            .map(held)
            .unwrap_or_else(|| pending(String::new()));
        held.account = account.name;
        StaticAccount {
            definition: account.definition,
            held,
        }
    });
    Registration {
        static_accounts: static_accounts.collect(),
        held: register.held.into_iter().map(held).collect(),
        agent_id: register.agent_id,
        zone_id: register.zone_id,
        agent_version: register.version,
        core_id: core_id.to_owned(),
        session_id,
    }
}

pub(super) fn held(report: AccountReport) -> Held {
    let (state, cause, cluster) = match report.state {
        Some(State::Ready(ready)) => {
            let some = |text: String| (!text.is_empty()).then_some(text);
            let cluster = Cluster {
                kube_host: some(ready.kube_host),
                kube_version: some(ready.kube_version),
                cert_fingerprint: some(ready.cert_fingerprint),
            };
            (Some(HoldingState::Ready), None, cluster)
        }
        Some(State::Failed(failed)) => (
            Some(HoldingState::Failed),
            Some(failed.cause),
            Cluster::default(),
        ),
        Some(State::Lost(lost)) => (
            Some(HoldingState::Lost),
            Some(lost.cause),
            Cluster::default(),
        ),
        Some(State::Refused(refused)) => (
            Some(HoldingState::Refused),
            Some(refused.cause),
            Cluster::default(),
        ),
        Some(State::Dropped(_)) => (None, None, Cluster::default()),
        Some(State::Connecting(_)) | None => {
            return Held {
                generation: i64::try_from(report.generation).unwrap_or(i64::MAX),
                ..pending(report.account)
            };
        }
    };
    Held {
        account: report.account,
        generation: i64::try_from(report.generation).unwrap_or(i64::MAX),
        state,
        cause,
        cluster,
    }
}

fn pending(account: String) -> Held {
    Held {
        account,
        generation: 0,
        state: Some(HoldingState::Pending),
        cause: None,
        cluster: Cluster::default(),
    }
}
