//! From the wire's messages to what the store keeps. What an agent says is not trusted: names and
//! ids that cannot be are refused with the reason, texts are made to fit their columns.

use crate::account::definition::Definition;
use crate::account::{Cluster, HoldingState, bound};
use crate::store::{Held, Namespaces, Registration, StaticAccount};
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::{self, AccountReport, Reached, Ready, Register};
use std::collections::{BTreeMap, BTreeSet};

/// The longest name, id or version, in characters.
const NAME: usize = 255;
/// The longest sentence or URL.
const SENTENCE: usize = 4096;
/// The most texts of a list.
const MOST: usize = 1000;
/// The most namespaces of one account.
const NAMESPACES: usize = 10_000;

/// `Err`: why this agent cannot be taken.
pub(super) fn registration(
    register: Register,
    core_id: &str,
    session_id: String,
) -> Result<Registration, String> {
    for (what, text) in [
        ("agentId", &register.agent_id),
        ("zoneId", &register.zone_id),
    ] {
        fits(text).map_err(|reason| format!("{what} {reason}"))?;
    }
    let mut names = BTreeSet::new();
    let mut static_accounts = Vec::new();
    for account in register.static_accounts {
        let name = account.name;
        let shown = text(&name, NAME);
        is_name(&name).map_err(|reason| {
            format!("the name `{shown}` in the agent's kubernetes.accounts {reason}")
        })?;
        if !names.insert(name.clone()) {
            return Err(format!(
                "the name `{shown}` is twice in the agent's kubernetes.accounts: rename one"
            ));
        }
        let object = serde_json::from_str(&account.definition).map_err(|_| {
            format!("the definition of the agent's account `{shown}` is not a JSON object")
        })?;
        // What an agent's own configuration keeps secret is for nobody here.
        let parted = Definition::part(object);
        let held = account.report.map_or_else(pending, state);
        static_accounts.push(StaticAccount {
            definition: match parted.secrets {
                Some(_) => serde_json::Value::Object(parted.public).to_string(),
                None => account.definition,
            },
            held: Held {
                account: name,
                ..held
            },
        });
    }
    // Of two about one account the last.
    let held = register.held.into_iter().filter_map(held);
    let held: BTreeMap<String, Held> = held.map(|held| (held.account.clone(), held)).collect();
    Ok(Registration {
        static_accounts,
        held: held.into_values().collect(),
        agent_id: register.agent_id,
        zone_id: register.zone_id,
        agent_version: text(&register.version, NAME),
        takes_dynamic: !register.refuses_dynamic,
        core_id: core_id.to_owned(),
        session_id,
    })
}

/// A report of one account; `None`: no account has that name.
pub(super) fn held(report: AccountReport) -> Option<Held> {
    let account = report.account.clone();
    // Clouddriver takes any name, so a dynamic account may have any that a column can hold.
    if !(1..=NAME).contains(&account.chars().count()) || account.contains('\0') {
        let account = text(&account, NAME);
        tracing::warn!(account, "a report is ignored: no account can have its name");
        return None;
    }
    Some(Held {
        account,
        ..state(report)
    })
}

/// What a report says, but of which account.
fn state(report: AccountReport) -> Held {
    let said = |state, cause: String| Held {
        state: Some(state),
        cause: Some(text(&cause, SENTENCE)),
        ..pending()
    };
    let some = |said: &str, length| Some(text(said, length)).filter(|text| !text.is_empty());
    let held = match report.state {
        Some(State::Ready(ready)) => Held {
            state: Some(HoldingState::Ready),
            cluster: Cluster {
                kube_host: some(&ready.kube_host, SENTENCE),
                kube_version: some(&ready.kube_version, NAME),
                cert_fingerprint: some(&ready.cert_fingerprint, NAME),
            },
            namespaces: ready.namespaces.map(namespaces),
            ..pending()
        },
        Some(State::Failed(failed)) => said(HoldingState::Failed, failed.cause),
        Some(State::Lost(lost)) => said(HoldingState::Lost, lost.cause),
        Some(State::Refused(refused)) => said(HoldingState::Refused, refused.cause),
        Some(State::Dropped(_)) => Held {
            state: None,
            ..pending()
        },
        Some(State::Connecting(connecting)) if connecting.waited_seconds > 0 => said(
            HoldingState::Pending,
            format!(
                "waits for its turn there for {} s so far, while others are reached",
                connecting.waited_seconds
            ),
        ),
        Some(State::Connecting(_)) | None => pending(),
    };
    Held {
        generation: i64::try_from(report.generation).unwrap_or(i64::MAX),
        ..held
    }
}

fn pending() -> Held {
    Held {
        account: String::new(),
        generation: 0,
        state: Some(HoldingState::Pending),
        cause: None,
        cluster: Cluster::default(),
        namespaces: None,
    }
}

/// The names that an agent tells, and how many there are: not fewer than it names.
fn namespaces(told: v1::Namespaces) -> Namespaces {
    let named = u32::try_from(told.names.len()).unwrap_or(u32::MAX);
    let names = told.names.iter().take(NAMESPACES);
    Namespaces {
        names: names.map(|name| text(name, NAME)).collect(),
        total: told.total.max(named),
    }
}

/// What an agent found when it tried an account, made fit for people.
pub(super) fn reached(reached: Reached) -> Reached {
    let texts = |said: Vec<String>| {
        let fit = said.iter().take(MOST).map(|said| text(said, SENTENCE));
        fit.collect()
    };
    let cluster = reached.cluster.unwrap_or_default();
    Reached {
        cluster: Some(Ready {
            kube_host: sentence(&cluster.kube_host),
            kube_version: text(&cluster.kube_version, NAME),
            cert_fingerprint: text(&cluster.cert_fingerprint, NAME),
            kinds: texts(cluster.kinds),
            namespaces: None,
        }),
        lacking: texts(reached.lacking),
    }
}

/// A sentence of an agent's.
pub(super) fn sentence(said: &str) -> String {
    text(said, SENTENCE)
}

/// A text for people, at most so long: what does not print is a space.
fn text(said: &str, length: usize) -> String {
    let printed = |letter: char| if letter.is_control() { ' ' } else { letter };
    said.chars().take(length).map(printed).collect()
}

/// Whether this can be an id, or why not.
fn fits(text: &str) -> Result<(), &'static str> {
    match text.chars().any(char::is_control) {
        true => Err("must not have control characters"),
        false => bound::name(text),
    }
}

/// Whether an agent's own account can have this name, or why not.
fn is_name(name: &str) -> Result<(), &'static str> {
    fits(name)?;
    match name.contains('/') || [".", ".."].contains(&name) {
        true => Err("must not have `/`, or be `.` or `..`"),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ferry_wire::v1::{Failed, Ready};

    fn register(statics: &[(&str, &str)]) -> Register {
        let account = |(name, definition): &(&str, &str)| v1::StaticAccount {
            name: (*name).to_owned(),
            definition: (*definition).to_owned(),
            report: None,
        };
        Register {
            agent_id: "agent".to_owned(),
            zone_id: "zone".to_owned(),
            version: "1".to_owned(),
            static_accounts: statics.iter().map(account).collect(),
            held: Vec::new(),
            more: false,
            refuses_dynamic: false,
        }
    }

    fn refusal(register: Register) -> String {
        registration(register, "core", "s".to_owned()).unwrap_err()
    }

    #[test]
    fn a_report_may_be_of_any_name_that_can_be_stored() {
        let report = |name: &str| AccountReport {
            account: name.to_owned(),
            ..AccountReport::default()
        };
        for name in ["../up", "a/b", "line\nbreak", "bell\u{7}"] {
            assert_eq!(held(report(name)).unwrap().account, name);
        }
        for name in ["", "a\0", &"n".repeat(256)] {
            assert!(held(report(name)).is_none(), "{name}");
        }
    }

    #[test]
    fn secrets_of_an_agents_own_account_are_not_kept() {
        let plain = r#"{"kinds": ["Pod"], "context": "c"}"#;
        let secret = r#"{"context": "c", "kubeconfig": {"users": ["s3cret"]}}"#;
        let statics = register(&[("a", plain), ("b", secret)]);
        let taken = registration(statics, "core", "s".to_owned()).unwrap();
        let [a, b] = &taken.static_accounts[..] else {
            panic!("{taken:?}");
        };
        assert_eq!(a.definition, plain, "as the agent wrote it");
        assert!(b.definition.contains("[redacted]") && b.definition.contains("context"));
        assert!(!b.definition.contains("s3cret"));
    }

    #[test]
    fn names_and_ids_that_cannot_be_are_refused_with_the_reason() {
        let long = "n".repeat(256);
        for (name, reason) in [
            ("", "1 to 255 characters"),
            (&long, "at most 255 characters"),
            ("a\0", "control characters"),
            ("a\nb", "control characters"),
            ("a/b", "must not have `/`"),
            ("..", "must not have `/`"),
        ] {
            let said = refusal(register(&[(name, "{}")]));
            assert!(said.contains(reason), "{said}");
            assert!(!said.contains(char::is_control), "{said}");
        }
        let said = refusal(register(&[("a", "{}"), ("b", "{}"), ("a", "{}")]));
        assert!(said.contains("`a` is twice"), "{said}");
        let said = refusal(register(&[("a", "[]")]));
        assert!(said.contains("not a JSON object"), "{said}");
        let mut agent = register(&[]);
        agent.agent_id = "a\0".to_owned();
        assert!(refusal(agent).contains("agentId must not have control characters"));
        let mut zone = register(&[]);
        zone.zone_id = long;
        assert!(refusal(zone).contains("zoneId must have at most 255 characters"));
    }

    #[test]
    fn texts_are_made_to_fit() {
        let held = held(AccountReport {
            account: "a".to_owned(),
            generation: u64::MAX,
            state: Some(State::Failed(Failed {
                cause: format!("a\0b\n{}", "ü".repeat(9000)),
            })),
        });
        let held = held.unwrap();
        let cause = held.cause.unwrap();
        assert!(cause.starts_with("a b ü"), "{cause}");
        assert_eq!(
            (cause.chars().count(), held.generation),
            (SENTENCE, i64::MAX)
        );
        let held = state(AccountReport {
            state: Some(State::Ready(Ready {
                kube_version: "v".repeat(1000),
                cert_fingerprint: "\0".to_owned(),
                ..Ready::default()
            })),
            ..AccountReport::default()
        });
        assert_eq!(held.cluster.kube_version.unwrap().len(), NAME);
        assert_eq!(held.cluster.cert_fingerprint.as_deref(), Some(" "));
        assert_eq!(held.cluster.kube_host, None);
    }

    #[test]
    fn namespaces_are_bound_and_how_many_there_are_is_kept() {
        let told = |names: Vec<String>, total| {
            let ready = Ready {
                namespaces: Some(v1::Namespaces { names, total }),
                ..Ready::default()
            };
            let report = AccountReport {
                state: Some(State::Ready(ready)),
                ..AccountReport::default()
            };
            state(report).namespaces.unwrap()
        };
        let few = told(vec!["a\0".to_owned(), "n".repeat(1000)], 0);
        assert_eq!((few.names[0].as_str(), few.total), ("a ", 2));
        assert_eq!(few.names[1].len(), NAME);
        let many = told(vec![String::new(); 20_000], 30_000);
        assert_eq!((many.names.len(), many.total), (10_000, 30_000));
        assert_eq!(state(AccountReport::default()).namespaces, None);
    }

    #[test]
    fn of_two_reports_in_a_registration_the_last_counts() {
        let mut twice = register(&[]);
        for generation in [1, 2] {
            twice.held.push(AccountReport {
                account: "a".to_owned(),
                generation,
                state: None,
            });
        }
        let registration = registration(twice, "core", "s".to_owned()).unwrap();
        let generations: Vec<i64> = registration
            .held
            .iter()
            .map(|held| held.generation)
            .collect();
        assert_eq!(generations, [2]);
    }
}
