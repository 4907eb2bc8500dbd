//! A small world for the simulation: one row with its holdings, agents with what they really run,
//! and the messages between them. It treats what agents say as `store` does, looks at the account
//! only when `lifecycle` would, and agents behave as the protocol demands.

use super::model::{Account, Agent, Cluster, Holding, Limits, View};
use super::plan;
use super::state::{Failure, HoldingState, Status, Wanted};
use super::step::{Message, Step};
use super::transition::Event;
use std::collections::VecDeque;
use std::time::Duration;

pub(super) const LIMITS: Limits = Limits {
    transition: Duration::from_secs(60),
    retry: Duration::from_secs(5),
    max_retries: 3,
};
/// How long an agent goes on without a core.
const GRACE: i64 = 600_000;
/// How long the core counts on an agent that left.
const LEASE: i64 = GRACE + 10_000;
/// After so long a silence the core ends a session.
const SILENCE: i64 = 90_000;
/// More steps at one instant would be a circle.
const MAX_STEPS: usize = 50;

/// What an agent does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Obeys,
    Fails,
    IsSilent,
}

#[derive(Debug, Clone, Copy)]
enum Down {
    Save(i64),
    Delete(i64),
}

/// Generation and state; no state: dropped.
#[derive(Debug, Clone, Copy)]
struct Up(i64, Option<HoldingState>);

#[derive(Debug)]
pub(super) struct SimAgent {
    pub(super) id: &'static str,
    pub(super) zone: &'static str,
    /// What it really runs: generation and state.
    pub(super) runs: Option<(i64, HoldingState)>,
    /// Its own configuration brings an account of this name.
    pub(super) own: bool,
    pub(super) on_save: Manner,
    pub(super) on_delete: Manner,
    /// Its connection, as it sees it.
    session: Option<u64>,
    /// Since when it has had no core.
    cut_at: Option<i64>,
    down: VecDeque<(u64, Down)>,
    up: VecDeque<(u64, Up)>,
    /// The registry's session.
    entered: Option<u64>,
    /// The agents' table: session, when it left, and whether it brings its own.
    row: Option<(u64, Option<i64>, bool)>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) row: Option<Account>,
    pub(super) holdings: Vec<Holding>,
    pub(super) agents: Vec<SimAgent>,
    /// The account is to be looked at.
    pub(super) queued: bool,
    /// The core dies when it has written the next step that sends something.
    pub(super) dies: bool,
    /// No SaveAccounts can be made.
    pub(super) unpreparable: bool,
    sessions: u64,
}

impl World {
    pub(super) fn new() -> World {
        let agent = |(id, zone)| SimAgent {
            id,
            zone,
            runs: None,
            own: false,
            on_save: Manner::Obeys,
            on_delete: Manner::Obeys,
            session: None,
            cut_at: None,
            down: VecDeque::new(),
            up: VecDeque::new(),
            entered: None,
            row: None,
        };
        World {
            now: 1_000_000,
            row: Some(Account::adopted("a", None, 1_000_000)),
            holdings: Vec::new(),
            agents: [("a1", "A"), ("a2", "A"), ("b1", "B"), ("c1", "C")]
                .map(agent)
                .into(),
            queued: true,
            dies: false,
            unpreparable: false,
            sessions: 0,
        }
    }

    pub(super) fn claimed(&self) -> bool {
        (self.agents.iter()).any(|agent| agent.row.is_some_and(|(_, _, own)| own))
    }

    fn view(&self) -> Option<View> {
        let mut holdings = self.holdings.clone();
        holdings.sort_by(|one, other| one.agent_id.cmp(&other.agent_id));
        Some(View {
            account: self.row.clone()?,
            holdings,
            claimed: self.claimed(),
            now: self.now,
        })
    }

    /// An intercepted write while the row is being deleted; `false`: it is not.
    pub(super) fn succeed(&mut self, wanted: Wanted) -> bool {
        let taken = self.ask(Event::Succeed, None, false);
        if let Some(row) = self.row.as_mut().filter(|_| taken) {
            row.next = Some(wanted);
        }
        taken
    }

    /// A request; `false`: it is refused.
    pub(super) fn ask(&mut self, event: Event, zone: Option<&str>, retargets: bool) -> bool {
        let Some(view) = self.view() else {
            return false;
        };
        let differs = zone.is_some_and(|zone| view.account.requested_zone.as_deref() != Some(zone));
        let Ok(mut step) = Step::of(&view, event, false, retargets || differs, &LIMITS) else {
            return false;
        };
        if let (Some(account), Some(zone)) = (&mut step.account, zone) {
            account.requested_zone = Some(zone.to_owned());
        }
        self.write(&step);
        self.queued = true;
        true
    }

    fn write(&mut self, step: &Step) {
        self.row = step.account.clone();
        self.holdings = match self.row {
            Some(_) => step.holdings.clone(),
            None => Vec::new(),
        };
    }

    /// Takes the account as far as it goes, as `lifecycle::reconcile` does.
    pub(super) fn work(&mut self) {
        if !std::mem::take(&mut self.queued) {
            return;
        }
        for _ in 0..MAX_STEPS {
            let entered = self.agents.iter().filter(|agent| agent.entered.is_some());
            let agents: Vec<Agent> = entered
                .map(|agent| Agent {
                    id: agent.id.to_owned(),
                    zone_id: agent.zone.to_owned(),
                })
                .collect();
            let Some(view) = self.view() else { return };
            let step = match plan::next(&view, &agents, &LIMITS) {
                Some(step) if step.saves() && self.unpreparable => {
                    plan::unpreparable(&view, "the source is away".to_owned(), &LIMITS)
                }
                step => step,
            };
            let Some(step) = step else { return };
            self.write(&step);
            if self.dies && !step.messages.is_empty() {
                self.dies = false;
                return self.restart_core(0);
            }
            self.send(&step);
        }
        panic!("no end of steps: {:#?} {:#?}", self.row, self.holdings);
    }

    fn send(&mut self, step: &Step) {
        for message in &step.messages {
            let (id, down) = match message {
                Message::Save { agent_id } => {
                    let account = step.account.as_ref().unwrap();
                    assert!(
                        matches!(account.status, Status::Activating | Status::Active),
                        "saved while {account:#?}"
                    );
                    (agent_id, Down::Save(account.generation))
                }
                Message::Delete { agent_id } => {
                    let held = step.holdings.iter().find(|held| held.agent_id == *agent_id);
                    (agent_id, Down::Delete(held.unwrap().generation))
                }
            };
            let agent = self.agents.iter_mut().find(|agent| agent.id == id).unwrap();
            agent
                .down
                .extend(agent.entered.map(|session| (session, down)));
        }
    }

    /// What the sweep does every second.
    pub(super) fn sweep(&mut self) {
        for at in 0..self.agents.len() {
            if let Some((_, Some(left), _)) = self.agents[at].row
                && left + LEASE <= self.now
            {
                self.agents[at].row = None;
                self.queued |= self.unhold(at);
            }
        }
        self.queued |= self.row.as_ref().is_some_and(|row| {
            row.due_at.is_some_and(|due| due <= self.now)
                || matches!(
                    row.status,
                    Status::ToMigrate | Status::ToDeactivate | Status::Deleting
                )
        });
        self.work();
    }

    /// Time passes; whatever has its time meanwhile happens then.
    pub(super) fn pass(&mut self, seconds: i64) {
        let end = self.now + seconds * 1000;
        while self.now < end {
            let mut next = end;
            let due = self.row.as_ref().and_then(|row| row.due_at);
            let leases = self.agents.iter().filter_map(|a| Some(a.row?.1? + LEASE));
            let cuts = self.agents.iter().filter_map(|a| a.cut_at);
            let cuts = cuts.flat_map(|cut| [cut + SILENCE, cut + GRACE]);
            for at in due.into_iter().chain(leases).chain(cuts) {
                if at > self.now && at < next {
                    next = at;
                }
            }
            self.now = next;
            self.stop_the_lonely();
            for at in 0..self.agents.len() {
                if self.agents[at]
                    .cut_at
                    .is_some_and(|cut| cut + SILENCE <= self.now)
                {
                    self.notice(at);
                }
            }
            self.sweep();
        }
    }

    fn stop_the_lonely(&mut self) {
        for agent in &mut self.agents {
            if agent.cut_at.is_some_and(|cut| cut + GRACE <= self.now) {
                agent.runs = None;
            }
        }
    }

    /// The core dies and is back after this time; agents are without it meanwhile.
    pub(super) fn restart_core(&mut self, seconds: i64) {
        for at in 0..self.agents.len() {
            self.cut(at);
            let agent = &mut self.agents[at];
            agent.entered = None;
            agent.up.clear();
        }
        self.now += seconds * 1000;
        self.stop_the_lonely();
        let now = self.now;
        for agent in &mut self.agents {
            if let Some(row) = &mut agent.row {
                row.1 = Some(now);
            }
        }
        if let Some(row) = &mut self.row {
            row.due_at = row.due_at.map(|_| LIMITS.deadline(now));
        }
        // At the start everything is looked at that may have a next step.
        let row = self.row.as_ref();
        self.queued =
            row.is_some_and(|row| row.status != Status::Inactive) || !self.holdings.is_empty();
    }

    fn holding(&mut self, at: usize) -> Option<&mut Holding> {
        let id = self.agents[at].id;
        self.holdings.iter_mut().find(|held| held.agent_id == id)
    }

    /// As the store does where a holding ends.
    fn unhold(&mut self, at: usize) -> bool {
        let before = self.holdings.len();
        let id = self.agents[at].id;
        self.holdings.retain(|held| held.agent_id != id);
        let ended = self.holdings.len() < before;
        let failed = |row: &Account| row.status == Status::DeleteFailed;
        if ended && self.row.as_ref().is_some_and(failed) {
            for held in &mut self.holdings {
                if matches!(held.state, HoldingState::Dropping | HoldingState::Refused) {
                    held.state = HoldingState::Pending;
                }
            }
        }
        ended
    }

    fn hold(&mut self, at: usize, generation: i64, state: HoldingState) {
        let (agent_id, zone_id) = (
            self.agents[at].id.to_owned(),
            self.agents[at].zone.to_owned(),
        );
        self.holdings.retain(|held| held.agent_id != agent_id);
        self.holdings.push(Holding {
            agent_id,
            zone_id,
            generation,
            state,
            cause: (state == HoldingState::Failed).then(|| "no route".to_owned()),
            cluster: Cluster::default(),
        });
    }

    /// An agent's connection breaks; the core does not know yet.
    pub(super) fn cut(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        if agent.session.take().is_some() {
            agent.cut_at = Some(self.now);
        }
        agent.down.clear();
    }

    /// The core hears of the end of the agent's last connection.
    pub(super) fn notice(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        if agent.session.is_some() {
            return;
        }
        agent.entered = None;
        let now = self.now;
        let Some(row) = agent.row.as_mut().filter(|row| row.1.is_none()) else {
            return;
        };
        row.1 = Some(now);
        if let Some(held) = self.holding(at) {
            if held.state == HoldingState::Pending {
                held.state = HoldingState::Away;
            }
            self.queued = true;
        }
    }

    /// An agent connects and registers, also when the core still counts on its last connection.
    pub(super) fn connect(&mut self, at: usize) {
        self.cut(at);
        self.sessions += 1;
        let session = self.sessions;
        let agent = &mut self.agents[at];
        let owned = agent.row.is_some_and(|(_, _, own)| own);
        agent.session = Some(session);
        agent.cut_at = None;
        agent.row = Some((session, None, agent.own));
        let (own, runs, zone) = (agent.own, agent.runs, agent.zone);
        self.queued |= owned || own;
        self.queued |= match runs {
            None => self.unhold(at),
            Some((generation, state)) if self.row.is_some() => {
                self.hold(at, generation, state);
                true
            }
            Some(_) => {
                self.agents[at].down.push_back((session, Down::Delete(0)));
                false
            }
        };
        self.queued |= self.row.as_ref().is_some_and(|row| match row.status {
            Status::ToMigrate => true,
            Status::Failed => row.failure == Some(Failure::NoAgent),
            Status::Active | Status::Orphaned => row.zone_id.as_deref() == Some(zone),
            Status::Activating => row.target_zone.as_deref() == Some(zone),
            _ => false,
        });
        self.agents[at].entered = Some(session);
    }

    /// An agent's process ends, and all it ran with it.
    pub(super) fn kill(&mut self, at: usize) {
        self.cut(at);
        self.agents[at].runs = None;
    }

    /// An agent takes its next message.
    pub(super) fn deliver_down(&mut self, at: usize) -> bool {
        let agent = &mut self.agents[at];
        let Some((session, message)) = agent.down.pop_front() else {
            return false;
        };
        if agent.session != Some(session) {
            return true;
        }
        let answer = match (message, agent.runs) {
            (Down::Save(generation), _) if agent.own => {
                Some(Up(generation, Some(HoldingState::Failed)))
            }
            (Down::Save(new), Some((old, state)))
                if new < old || (new == old && state != HoldingState::Failed) =>
            {
                Some(Up(old, Some(state)))
            }
            (Down::Save(generation), _) => {
                agent.runs = Some((generation, HoldingState::Pending));
                None
            }
            (Down::Delete(asked), Some((held, state))) if asked > 0 && asked < held => {
                Some(Up(held, Some(state)))
            }
            (Down::Delete(generation), None) => Some(Up(generation, None)),
            (Down::Delete(asked), Some((generation, _))) => match agent.on_delete {
                Manner::Obeys => {
                    agent.runs = None;
                    Some(Up(generation.max(asked), None))
                }
                Manner::Fails => Some(Up(generation, Some(HoldingState::Refused))),
                Manner::IsSilent => None,
            },
        };
        agent.up.extend(answer.map(|up| (session, up)));
        true
    }

    /// What an agent runs makes progress.
    pub(super) fn progress(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        let Some((generation, state)) = agent.runs else {
            return;
        };
        let next = match (state, agent.on_save) {
            (HoldingState::Pending | HoldingState::Lost, Manner::Obeys) => HoldingState::Ready,
            (HoldingState::Pending, Manner::Fails) => HoldingState::Failed,
            (HoldingState::Ready, Manner::Fails) => HoldingState::Lost,
            _ => return,
        };
        agent.runs = Some((generation, next));
        let up = Up(generation, Some(next));
        agent.up.extend(agent.session.map(|session| (session, up)));
    }

    /// The core takes an agent's next report, as `store::report` does.
    pub(super) fn deliver_up(&mut self, at: usize) -> bool {
        let Some((session, Up(generation, state))) = self.agents[at].up.pop_front() else {
            return false;
        };
        if self.agents[at].row.map(|row| row.0) != Some(session) {
            return true;
        }
        if generation == 0 && state.is_some_and(|state| state != HoldingState::Refused) {
            return true;
        }
        let known = self.holding(at).map(|held| (held.generation, held.state));
        let dropping = known.is_some_and(|(_, state)| state == HoldingState::Dropping);
        match (state, known) {
            (None, Some((of, _))) => {
                if !dropping || generation < of {
                    return true;
                }
                self.unhold(at);
            }
            (None | Some(HoldingState::Refused), None) => return true,
            (Some(state), Some((of, _))) => {
                let refused = state == HoldingState::Refused;
                let kept = dropping && !refused && generation > of;
                if !kept && (generation < of || dropping != refused) {
                    return true;
                }
                self.hold(at, generation, state);
            }
            (Some(state), None) => {
                if self.row.is_none() {
                    self.agents[at].down.push_back((session, Down::Delete(0)));
                    return true;
                }
                self.hold(at, generation, state);
            }
        }
        self.queued = true;
        true
    }
}
