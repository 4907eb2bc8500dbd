//! A scene of the planner: a row, its holdings and the agents that are connected, played until
//! there is nothing to do but wait.

use super::model::{Account, Agent, Cluster, Holding, Limits, View};
use super::plan::{next, unpreparable};
use super::state::{HoldingState, Status, Wanted};
use super::step::{Message, Step};
use super::transition::Event;
use std::time::Duration;

pub(super) const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};

pub(super) struct Scene {
    pub(super) view: View,
    agents: Vec<Agent>,
    /// What was sent since it was last looked at, as `save a1` and `delete a1`.
    sent: Vec<String>,
    /// Why no SaveAccounts can be made.
    pub(super) unpreparable: Option<&'static str>,
}

/// An account that stands so and is wanted as that demands.
pub(super) fn scene(status: Status) -> Scene {
    let wanted = match status {
        Status::Inactive | Status::ToDeactivate | Status::Deactivating => Wanted::Inactive,
        Status::Deleting | Status::DeleteFailed => Wanted::Deleted,
        _ => Wanted::Active,
    };
    let now = 1_000_000;
    let mut account = Account::adopted("a", None, 100);
    account.status = status;
    account.wanted = wanted;
    account.due_at = status.is_transient().then_some(now + 60_000);
    Scene {
        view: View {
            account,
            holdings: Vec::new(),
            claimed: false,
            now,
        },
        agents: Vec::new(),
        sent: Vec::new(),
        unpreparable: None,
    }
}

/// ACTIVE, served by `a1` of zone A, which is connected.
pub(super) fn active() -> Scene {
    let mut scene = scene(Status::Active).held("a1", "A", HoldingState::Ready);
    scene.view.account.zone_id = Some("A".to_owned());
    scene.view.account.target_zone = Some("A".to_owned());
    scene.connect("a1", "A");
    scene
}

impl Scene {
    pub(super) fn held(mut self, agent_id: &str, zone_id: &str, state: HoldingState) -> Scene {
        self.view.holdings.push(Holding {
            agent_id: agent_id.to_owned(),
            zone_id: zone_id.to_owned(),
            generation: self.view.account.generation,
            state,
            cause: None,
            cluster: Cluster::default(),
        });
        self
    }

    pub(super) fn connect(&mut self, id: &str, zone_id: &str) {
        self.agents.push(Agent {
            id: id.to_owned(),
            zone_id: zone_id.to_owned(),
        });
    }

    pub(super) fn disconnect(&mut self, id: &str) {
        self.agents.retain(|agent| agent.id != id);
        for held in &mut self.view.holdings {
            if held.agent_id == id && held.state == HoldingState::Pending {
                held.state = HoldingState::Away;
            }
        }
    }

    pub(super) fn holding(&mut self, agent_id: &str) -> &mut Holding {
        let mut holdings = self.view.holdings.iter_mut();
        holdings.find(|held| held.agent_id == agent_id).unwrap()
    }

    pub(super) fn reports(&mut self, agent_id: &str, state: HoldingState, cause: &str) {
        let held = self.holding(agent_id);
        held.state = state;
        held.cause = (!cause.is_empty()).then(|| cause.to_owned());
    }

    pub(super) fn releases(&mut self, agent_id: &str) {
        self.view.holdings.retain(|held| held.agent_id != agent_id);
    }

    pub(super) fn asks(&mut self, event: Event) {
        let step = Step::of(&self.view, event, false, false, &LIMITS).unwrap();
        self.take(step);
    }

    pub(super) fn take(&mut self, step: Step) {
        self.sent
            .extend(step.messages.iter().map(|message| match message {
                Message::Save { agent_id } => format!("save {agent_id}"),
                Message::Delete { agent_id } => format!("delete {agent_id}"),
            }));
        self.view.account = step.account.expect("the row stays in this scene");
        self.view.holdings = step.holdings;
    }

    /// Plays until there is nothing to do but wait; answers what was sent meanwhile.
    pub(super) fn settle(&mut self) -> Vec<String> {
        for _ in 0..20 {
            let step = next(&self.view, &self.agents, &LIMITS);
            let step = match (step, self.unpreparable) {
                (Some(step), Some(cause)) if step.saves() => {
                    unpreparable(&self.view, cause.to_owned(), &LIMITS)
                }
                (step, _) => step,
            };
            let Some(step) = step else {
                return std::mem::take(&mut self.sent);
            };
            self.take(step);
        }
        panic!("no end of steps: {:#?}", self.view);
    }

    pub(super) fn after(&mut self, seconds: i64) -> Vec<String> {
        self.view.now += seconds * 1000;
        self.settle()
    }

    pub(super) fn status(&self) -> Status {
        self.view.account.status
    }

    pub(super) fn message(&self) -> &str {
        self.view.account.message.as_deref().unwrap_or_default()
    }

    pub(super) fn target(&self) -> &str {
        self.view.account.target_zone.as_deref().unwrap_or_default()
    }

    pub(super) fn goes(&self) -> bool {
        let step = next(&self.view, &self.agents, &LIMITS).unwrap();
        step.account.is_none()
    }
}
