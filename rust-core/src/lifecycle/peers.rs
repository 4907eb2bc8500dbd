//! Several cores on one database: what one core leaves to be done with the agents of another. What is
//! to be sent is prepared and recorded in batches; agents are sent to side by side, and neither an
//! agent that takes nothing nor an account that cannot be prepared or recorded holds up the others.

use super::prepare::Kept;
use super::reconcile::{Prepared, drop};
use super::{Lifecycle, TOGETHER, WORKERS};
use crate::account::state::Wanted;
use crate::account::{HoldingState, View, plan};
use crate::error::causes;
use crate::store::{Change, StoreError, Unsent};
use ferry_wire::v1::core_message::Kind;
use ferry_wire::v1::{self, SaveAccounts};
use futures_util::future::{join, join_all};
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// How many messages wait here for an agent to take them; others are left to the next round.
const AHEAD: usize = 500;

/// What waits for each agent.
type Lines<'a> = BTreeMap<&'a str, mpsc::Sender<Kind>>;

/// A message that was left, and the place that is kept for it.
struct Left<'a> {
    unsent: &'a Unsent,
    place: mpsc::Permit<'a, Kind>,
}

/// The same with what is to be sent.
type Ready<'a> = (Left<'a>, Kind);

/// Those that give an account to agents, by account.
type Saves<'a> = BTreeMap<&'a str, Vec<Left<'a>>>;

impl Lifecycle {
    /// Sends what other cores left to be sent to our agents.
    pub(super) async fn send_for_peers(&self) -> Result<(), StoreError> {
        let unsent = self.store.unsent(&self.core_id).await?;
        self.send_left(&unsent).await;
        Ok(())
    }

    /// Sends such messages, to each agent as fast as it takes them.
    pub(super) async fn send_left(&self, unsent: &[Unsent]) {
        let (mut lines, mut sends) = (Lines::new(), Vec::new());
        for unsent in unsent {
            let agent_id = unsent.holding.agent_id.as_str();
            lines.entry(agent_id).or_insert_with(|| {
                let (line, mut waiting) = mpsc::channel(AHEAD);
                sends.push(async move {
                    while let Some(message) = waiting.recv().await {
                        self.registry.send(agent_id, message).await;
                    }
                });
                line
            });
        }
        // It has the lines: when they are gone and empty, the round is over.
        let claim = async move {
            let batches = unsent.chunks(TOGETHER);
            let claims: Vec<_> = batches
                .map(|batch| self.claim_each(batch, &lines))
                .collect();
            let claims = stream::iter(claims).buffer_unordered(WORKERS);
            claims.collect::<()>().await;
        };
        join(claim, join_all(sends)).await;
    }

    /// Claims messages, in halves when one of them cannot be, so that it fails alone.
    async fn claim_each(&self, unsent: &[Unsent], lines: &Lines<'_>) {
        let mut open = vec![unsent];
        while let Some(some) = open.pop() {
            match self.claim(some, lines).await {
                Ok(()) => {}
                Err(error) if error.is_lasting() && some.len() > 1 => {
                    let (first, second) = some.split_at(some.len() / 2);
                    open.extend([second, first]);
                }
                Err(error) => {
                    let (account, messages) = (&some[0].account, some.len());
                    let error = causes(&error);
                    tracing::error!(account, messages, error, "left to the next round");
                }
            }
        }
    }

    /// Prepares messages and hands over those that are still to be sent. The others stay to be sent:
    /// when their account is not to be served any longer, when they cannot be prepared, which the
    /// account says, and when too many wait for their agent already.
    async fn claim(&self, unsent: &[Unsent], lines: &Lines<'_>) -> Result<(), StoreError> {
        let (done, mut ready) = mpsc::unbounded_channel();
        let mut saves = Saves::new();
        for unsent in unsent {
            let holding = &unsent.holding;
            let line = lines.get(holding.agent_id.as_str());
            let Some(Ok(place)) = line.map(mpsc::Sender::try_reserve) else {
                continue;
            };
            let left = Left { unsent, place };
            match holding.state {
                HoldingState::Dropping => {
                    let message = drop(&unsent.account, holding.generation);
                    done.send((left, message)).ok();
                }
                _ => saves.entry(&unsent.account).or_default().push(left),
            }
        }
        // A batch bounds what waits. Never awaited in turns: who prepares may have the connection that
        // who records waits for.
        let hand_over = async move {
            let mut some = Vec::new();
            while ready.recv_many(&mut some, TOGETHER).await > 0 {
                self.hand_over(std::mem::take(&mut some)).await?;
            }
            Ok::<_, StoreError>(())
        };
        let (unpreparable, handed_over) = join(self.prepare_each(saves, done), hand_over).await;
        handed_over?;
        let unpreparable = unpreparable?;
        if unpreparable.is_empty() {
            return Ok(());
        }
        let names = unpreparable.iter();
        let names = names.map(|(change, _)| change.view.account.name.clone());
        let names = names.collect();
        self.write(unpreparable).await?;
        self.look_at(names);
        Ok(())
    }

    /// Prepares accounts for their agents; answers what becomes of those that cannot be.
    async fn prepare_each<'a>(
        &self,
        mut saves: Saves<'a>,
        done: mpsc::UnboundedSender<Ready<'a>>,
    ) -> Result<Vec<Prepared>, StoreError> {
        let names: Vec<&str> = saves.keys().copied().collect();
        let mut views = self.store.views(&names).await?;
        // What was switched off meanwhile is dropped by its next step.
        views.retain(|_, view| view.account.wanted == Wanted::Active && !plan::is_withheld(view));
        let names: Vec<&str> = views.keys().map(String::as_str).collect();
        let kept = &self.kept(&names).await?;
        let prepared = stream::iter(views.into_values())
            .map(|view| self.prepared_left(view, kept))
            .buffer_unordered(TOGETHER);
        let (mut prepared, mut unpreparable) = (std::pin::pin!(prepared), Vec::new());
        while let Some((view, account)) = prepared.next().await {
            match account {
                Some(Ok(account)) => {
                    let left = saves.remove(&*view.account.name).unwrap_or_default();
                    for one in saves_of(&view, &account, left) {
                        // Refused once something could not be recorded: it is tried again.
                        done.send(one).ok();
                    }
                }
                Some(Err(cause)) => unpreparable.extend(self.unpreparable(view, cause)),
                None => {}
            }
        }
        Ok(unpreparable)
    }

    /// An account for its agents, or why it cannot be prepared; `None`: the database is in the way.
    async fn prepared_left(
        &self,
        view: View,
        kept: &Kept,
    ) -> (View, Option<Result<v1::Account, String>>) {
        let made = self.prepare(&view.account, kept).await;
        let made = made.inspect_err(|error| {
            let (account, error) = (&view.account.name, causes(error));
            tracing::error!(account, error, "left to the next round");
        });
        (view, made.ok())
    }

    /// What becomes of an account that cannot be prepared.
    fn unpreparable(&self, view: View, cause: String) -> Option<Prepared> {
        let account = &view.account.name;
        tracing::warn!(account, cause, "not sent to its agent yet");
        let step = plan::unpreparable(&view, cause, &self.limits)?;
        let change = Change {
            view,
            step,
            content: None,
        };
        Some((change, None))
    }

    /// First they are recorded as sent: to prepare them takes time, and what was decided meanwhile goes
    /// before. A core that dies in between takes the agents' sessions with it.
    async fn hand_over(&self, ready: Vec<Ready<'_>>) -> Result<(), StoreError> {
        let here = self.registry.sessions();
        let unsent: Vec<&Unsent> = ready.iter().map(|(left, _)| left.unsent).collect();
        let sent = match self.store.sent(&unsent).await {
            Err(StoreError::Unsettled(error)) => {
                let agents = unsent.iter().map(|unsent| &*unsent.holding.agent_id);
                self.come_anew(agents, &here);
                return Err(StoreError::Unsettled(error));
            }
            sent => sent?,
        };
        for ((left, message), _) in ready.into_iter().zip(sent).filter(|(_, sent)| *sent) {
            left.place.send(message);
        }
        Ok(())
    }

    /// Ends an agent's connection, to whatever core: within a sweep when it is another's. `false`:
    /// it is not connected.
    pub async fn disconnect(&self, agent_id: &str) -> Result<bool, StoreError> {
        let session = self.store.evict(agent_id).await?;
        if let Some(session_id) = &session {
            self.registry.end(agent_id, session_id);
        }
        Ok(session.is_some())
    }

    /// Ends those of our agents' connections that were asked to be ended.
    pub(super) async fn evict(&self) -> Result<(), StoreError> {
        let evictions = self.store.evictions().await?;
        if evictions.is_empty() {
            return Ok(());
        }
        for (agent_id, session_id) in evictions {
            self.registry.end(&agent_id, &session_id);
        }
        self.store.forget_evictions().await
    }
}

/// SaveAccounts to those of these agents that still have a holding of the account.
fn saves_of<'a>(
    view: &View,
    account: &v1::Account,
    left: Vec<Left<'a>>,
) -> impl Iterator<Item = Ready<'a>> {
    left.into_iter().filter_map(|left| {
        let to = &left.unsent.holding.agent_id;
        let held = view.holdings.iter().find(|held| held.agent_id == *to)?;
        let save = SaveAccounts {
            zone_id: held.zone_id.clone(),
            accounts: vec![account.clone()],
        };
        Some((left, Kind::SaveAccounts(save)))
    })
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
