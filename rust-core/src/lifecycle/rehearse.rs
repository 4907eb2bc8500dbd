//! What would come of accounts, changing nothing: the verb as the lifecycle would carry it out, the
//! kubeconfig as it would be read, and an agent that tries the cluster with it, if need be another
//! core's (`probes`). `api` asks for a `?dryRun=true`. No account is written, and no agent holds anything.

use super::prepare::{Found, fitting, kubeconfig};
use super::{Ask, Lifecycle, Moved, Refusal};
use crate::account::definition::Definition;
use crate::account::{Account, Agent};
use crate::error::causes;
use crate::store::{Content, StoreError};
use ferry_wire::v1;
use ferry_wire::v1::Reached;
use ferry_wire::v1::account::Kubeconfig;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use secrecy::ExposeSecret;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// What all that is asked for in one request may take.
const IN_ALL: Duration = Duration::from_secs(60);
/// What an agent may take for one account.
pub(super) const FOR_ONE: Duration = Duration::from_secs(20);
/// Accounts that are tried at the same time.
const AT_ONCE: usize = 8;

const ROW_GONE: &str = "its row is gone";

/// What would come of an account that a verb is asked of.
#[derive(Debug)]
pub struct Would {
    /// From where to where.
    pub moved: Moved,
    /// The account as it would be; `None`: its row would be gone.
    pub account: Option<Account>,
}

/// What an account met when it was tried.
#[derive(Debug, Default)]
pub struct Rehearsal {
    /// The agent that reached its cluster, and what it found.
    pub reached: Option<(Agent, v1::Ready)>,
    /// What stands in its way, each a sentence; none: it would become ACTIVE.
    pub obstacles: Vec<String>,
}

impl Lifecycle {
    /// What [`Lifecycle::ask_all`] would do now.
    pub async fn would_all(&self, asks: &[Ask]) -> Result<Vec<Result<Would, Refusal>>, StoreError> {
        let names: Vec<&str> = asks.iter().map(|ask| ask.name.as_str()).collect();
        let mut views = self.store.views(&names).await?;
        let would = asks.iter().map(|ask| {
            let view = views.remove(&ask.name).ok_or(Refusal::Unknown)?;
            let (status, account) = (view.account.status, view.account.clone());
            Ok(match self.change(view, &ask.verb)? {
                None => Would {
                    moved: Moved::not(status),
                    account: Some(account),
                },
                Some(change) => Would {
                    moved: Moved::by(&change),
                    account: change.step.account,
                },
            })
        });
        Ok(would.collect())
    }

    /// Tries accounts; with a definition those that have no row yet.
    pub async fn rehearse_all(
        &self,
        accounts: Vec<(Account, Option<Definition>)>,
    ) -> BTreeMap<String, Rehearsal> {
        self.rehearse_until(Instant::now() + IN_ALL, accounts).await
    }

    async fn rehearse_until(
        &self,
        end: Instant,
        accounts: Vec<(Account, Option<Definition>)>,
    ) -> BTreeMap<String, Rehearsal> {
        let of_many = accounts.len() > 1;
        let tried = accounts
            .into_iter()
            .map(|(account, definition)| async move {
                let mut rehearsal = Rehearsal::default();
                let tried = self.rehearse(&account, definition, &mut rehearsal);
                let obstacle = match timeout_at(end, tried).await {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(causes(&error)),
                    Err(_) => Some(unended(of_many)),
                };
                rehearsal.obstacles.extend(obstacle);
                (account.name, rehearsal)
            });
        let tried = futures_util::stream::iter(tried).buffer_unordered(AT_ONCE);
        tried.collect().await
    }

    /// What is found stays in `rehearsal`, also when this is broken off.
    async fn rehearse(
        &self,
        account: &Account,
        definition: Option<Definition>,
        rehearsal: &mut Rehearsal,
    ) -> Result<(), StoreError> {
        let message = match self.message(account, definition.as_ref()).await? {
            Ok(message) => Some(message),
            Err(cause) => {
                rehearsal.obstacles.push(cause);
                None
            }
        };
        let tour = match self.tour(account).await? {
            Ok(tour) => tour,
            Err(cause) => {
                rehearsal.obstacles.push(cause);
                return Ok(());
            }
        };
        let Some(message) = message else {
            return Ok(());
        };
        // One zone after the other, as an activation tries them; of a zone one that reaches it is
        // enough.
        for zone in tour
            .chunk_by(|(one, here), (other, there)| (&one.zone_id, here) == (&other.zone_id, there))
        {
            let (definition, message) = (definition.as_ref(), &message);
            let tried = zone.iter().map(|(agent, here)| async move {
                let answer = match here {
                    true => {
                        let tried = self.registry.probe(&agent.id, message.clone(), FOR_ONE);
                        Ok(tried.await)
                    }
                    false => self.try_by_peer(agent, account, definition).await,
                };
                (agent, answer)
            });
            let mut tried: FuturesUnordered<_> = tried.collect();
            while let Some((agent, answer)) = tried.next().await {
                match answer? {
                    Ok(reached) => {
                        let lacks = reached.lacking.into_iter();
                        let lacks = lacks.map(|right| format!("its credentials lack: {right}"));
                        rehearsal.obstacles = lacks.collect();
                        let cluster = reached.cluster.unwrap_or_default();
                        rehearsal.reached = Some((agent.clone(), cluster));
                        return Ok(());
                    }
                    Err(cause) => {
                        let Agent { id, zone_id } = agent;
                        let cause = format!("agent `{id}` of zone `{zone_id}`: {cause}");
                        rehearsal.obstacles.push(cause);
                    }
                }
            }
        }
        Ok(())
    }

    async fn try_by_peer(
        &self,
        agent: &Agent,
        account: &Account,
        definition: Option<&Definition>,
    ) -> Result<Result<Reached, String>, StoreError> {
        match self.to_be_left(account, definition).await? {
            Ok(content) => self.probe_by_peer(agent, account, &content).await,
            Err(cause) => Ok(Err(cause)),
        }
    }

    /// The account's definition as another core finds it, with its secrets sealed.
    async fn to_be_left(
        &self,
        account: &Account,
        definition: Option<&Definition>,
    ) -> Result<Result<Content, String>, StoreError> {
        let name = &account.name;
        Ok(match definition {
            Some(definition) => self.close(name, definition).map_err(|error| causes(&error)),
            None => self.store.content(name).await?.ok_or(ROW_GONE.to_owned()),
        })
    }

    /// The message that an agent would get, or why it cannot be made.
    async fn message(
        &self,
        account: &Account,
        definition: Option<&Definition>,
    ) -> Result<Result<v1::Account, String>, StoreError> {
        if let Some(definition) = definition {
            return Ok(self.message_of(account, definition).await);
        }
        let Some(content) = self.store.content(&account.name).await? else {
            return Ok(Err(ROW_GONE.to_owned()));
        };
        Ok(match self.open(&account.name, &content).await {
            Ok(definition) => self.message_of(account, &definition).await,
            Err(cause) => Err(cause),
        })
    }

    pub(super) async fn message_of(
        &self,
        account: &Account,
        definition: &Definition,
    ) -> Result<v1::Account, String> {
        let kubeconfig = match kubeconfig(account, definition)? {
            Found::Itself(kubeconfig) => kubeconfig,
            Found::Reference(reference) => {
                let text = self.resolver.resolve(&reference).await?;
                Kubeconfig::KubeconfigContents(text.expose_secret().as_bytes().to_vec())
            }
        };
        fitting(v1::Account {
            name: account.name.clone(),
            generation: 0,
            definition: serde_json::Value::from(definition.public.clone()).to_string(),
            deadline_seconds: u32::try_from(FOR_ONE.as_secs()).unwrap_or(u32::MAX),
            kubeconfig: Some(kubeconfig),
        })
    }

    /// The agents that may serve it, by zone, and whether each is this core's: its own first, of
    /// those the zone's that served it. Or why there are none.
    async fn tour(
        &self,
        account: &Account,
    ) -> Result<Result<Vec<(Agent, bool)>, String>, StoreError> {
        let mut able = self.store.connected().await?;
        if let Some(zone) = &account.requested_zone {
            able.retain(|agent| agent.zone_id == *zone);
        }
        if able.is_empty() {
            let of_zone = match &account.requested_zone {
                Some(zone) => format!(" of zone `{zone}`"),
                None => String::new(),
            };
            return Ok(Err(format!(
                "no agent{of_zone} is connected; start one, or ask for another zoneId"
            )));
        }
        let served = account.zone_id.as_ref();
        able.sort_by_key(|agent| (Some(&agent.zone_id) != served, agent.zone_id.clone()));
        let connected = self.registry.connected();
        let (here, away): (Vec<Agent>, Vec<Agent>) = able
            .into_iter()
            .partition(|agent| connected.contains(agent));
        let here = here.into_iter().map(|agent| (agent, true));
        Ok(Ok(here
            .chain(away.into_iter().map(|agent| (agent, false)))
            .collect()))
    }
}

fn unended(of_many: bool) -> String {
    let less = match of_many {
        true => "ask for fewer accounts at once",
        false => "ask for one zone with `zoneId`",
    };
    format!(
        "it was not tried to its end within {} s: {less}",
        IN_ALL.as_secs()
    )
}

#[cfg(test)]
#[path = "rehearse_tests.rs"]
mod tests;
