//! Agents as the protocol wants them, in this process: what each really runs, and the messages on
//! their way between it and the core. They speak the wire's messages.

use super::{GRACE, NAMES};
use crate::hub::AgentEvent;
use crate::hub::test_agent::{self, Line};
use ferry_wire::v1::account::Kubeconfig;
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::core_message::Kind;
use ferry_wire::v1::{
    AccountReport, Connecting, Dropped, Failed, Lost, Ready, Refused, Register, StaticAccount,
};
use std::collections::{BTreeMap, VecDeque};

/// What an agent does when it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    Obeys,
    Fails,
    IsSilent,
}

/// How far an agent is with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Connecting,
    Ready,
    Failed,
    Lost,
}

/// One dynamic account at an agent.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub(super) generation: u64,
    pub(super) run: Run,
    /// The kubeconfig it was sent.
    pub(super) kubeconfig: String,
}

/// A message of the core's, as it waits for its agent.
#[derive(Debug, Clone)]
pub(super) enum Down {
    Save {
        name: String,
        generation: u64,
        kubeconfig: String,
    },
    Delete {
        name: String,
        generation: u64,
    },
}

#[derive(Debug)]
pub(super) struct Agent {
    pub(super) id: &'static str,
    pub(super) zone: &'static str,
    pub(super) runs: BTreeMap<String, Running>,
    /// What its own configuration brings: name and the cluster's URL.
    pub(super) own: Option<(&'static str, &'static str)>,
    pub(super) on_save: Manner,
    pub(super) on_delete: Manner,
    line: Option<Line>,
    /// The core that its connection is to.
    pub(super) core: usize,
    /// Since when it has had no core.
    pub(super) cut_at: Option<i64>,
    /// Sessions whose end their core has not heard of.
    ghosts: Vec<(usize, String)>,
    down: VecDeque<Down>,
    up: VecDeque<AccountReport>,
    /// What it said in this and earlier sessions, to be said again too late.
    said: VecDeque<AccountReport>,
}

impl Agent {
    pub(super) fn new(id: &'static str, zone: &'static str) -> Agent {
        Agent {
            id,
            zone,
            runs: BTreeMap::new(),
            own: None,
            on_save: Manner::Obeys,
            on_delete: Manner::Obeys,
            line: None,
            core: 0,
            cut_at: None,
            ghosts: Vec::new(),
            down: VecDeque::new(),
            up: VecDeque::new(),
            said: VecDeque::new(),
        }
    }

    /// It connects to this core: the event for it.
    pub(super) fn connect(
        &mut self,
        core: usize,
        core_id: &str,
        session_id: &str,
        now: i64,
    ) -> AgentEvent {
        self.cut(now);
        self.core = core;
        let own = self.own.iter().map(|(name, host)| StaticAccount {
            name: (*name).to_owned(),
            definition: "{}".to_owned(),
            report: Some(AccountReport {
                account: (*name).to_owned(),
                generation: 0,
                state: Some(ready(host)),
            }),
        });
        let held = self.runs.iter();
        let register = Register {
            agent_id: self.id.to_owned(),
            zone_id: self.zone.to_owned(),
            version: "1".to_owned(),
            static_accounts: own.collect(),
            held: held.map(|(name, running)| report(name, running)).collect(),
            more: false,
            refuses_dynamic: false,
        };
        let (event, line) = test_agent::connects(register, core_id, session_id);
        (self.line, self.cut_at) = (Some(line), None);
        event
    }

    pub(super) fn is_connected(&self) -> bool {
        self.line.is_some()
    }

    /// The core has answered its Register, or is dead.
    pub(super) fn answered(&mut self) -> bool {
        let line = self.line.as_mut();
        line.is_some_and(|line| matches!(line.done.try_recv(), Ok(Ok(()))))
    }

    /// Its connection breaks; the core does not know yet.
    pub(super) fn cut(&mut self, now: i64) {
        if let Some(line) = self.line.take() {
            self.ghosts.push((self.core, line.session_id));
            self.cut_at = Some(now);
        }
        self.down.clear();
        self.up.clear();
    }

    /// This core is dead: it will not hear of any end.
    pub(super) fn lose_core(&mut self, core: usize, now: i64) {
        if self.core == core {
            self.cut(now);
        }
        self.ghosts.retain(|(of, _)| *of != core);
    }

    /// The events of the sessions that ended, each for the core that had it.
    pub(super) fn ends(&mut self) -> Vec<(usize, AgentEvent)> {
        let agent_id = self.id.to_owned();
        let ends = std::mem::take(&mut self.ghosts).into_iter();
        ends.map(|(core, session_id)| {
            let agent_id = agent_id.clone();
            let left = AgentEvent::Left {
                agent_id,
                session_id,
            };
            (core, left)
        })
        .collect()
    }

    /// Its process ends, and all it ran with it.
    pub(super) fn kill(&mut self, now: i64) {
        self.cut(now);
        self.runs.clear();
    }

    /// Time passed: without a core for too long it stops what it was sent.
    pub(super) fn grow_lonely(&mut self, now: i64) {
        if self.cut_at.is_some_and(|cut| cut + GRACE <= now) {
            self.runs.clear();
        }
    }

    /// Takes what the core sent since the last look; answers what is new.
    pub(super) fn listen(&mut self, now: i64) -> Vec<Down> {
        let mut new = Vec::new();
        let Some(line) = &mut self.line else {
            return new;
        };
        while let Ok(message) = line.inbox.try_recv() {
            match message.expect("no session of the test is refused").kind {
                Some(Kind::SaveAccounts(save)) => {
                    assert_eq!(save.zone_id, self.zone, "to {}", self.id);
                    new.extend(save.accounts.into_iter().map(|account| Down::Save {
                        name: account.name,
                        generation: account.generation,
                        kubeconfig: match account.kubeconfig {
                            Some(Kubeconfig::KubeconfigContents(bytes)) => {
                                String::from_utf8(bytes).unwrap()
                            }
                            other => panic!("no contents: {other:?}"),
                        },
                    }));
                }
                Some(Kind::DeleteAccounts(delete)) => {
                    new.extend(delete.accounts.into_iter().map(|account| Down::Delete {
                        name: account.name,
                        generation: account.generation,
                    }));
                }
                _ => {}
            }
        }
        let ended = line.end.is_cancelled();
        self.down.extend(new.iter().cloned());
        if ended {
            self.cut(now);
        }
        new
    }

    /// Takes its next message; `false`: there is none.
    pub(super) fn take(&mut self) -> bool {
        let Some(message) = self.down.pop_front() else {
            return false;
        };
        match message {
            Down::Save {
                name,
                generation,
                kubeconfig,
            } => self.save(name, generation, kubeconfig),
            Down::Delete { name, generation } => self.delete(name, generation),
        }
        true
    }

    fn is_own(&self, name: &str) -> bool {
        self.own.is_some_and(|(own, _)| own == name)
    }

    fn save(&mut self, name: String, generation: u64, kubeconfig: String) {
        if self.is_own(&name) {
            let cause = "its own".to_owned();
            return self.say(&name, generation, State::Failed(Failed { cause }));
        }
        match self.runs.get(&name) {
            Some(old)
                if generation < old.generation
                    || (generation == old.generation && old.run != Run::Failed) =>
            {
                let again = report(&name, old);
                self.up.push_back(again);
            }
            _ => {
                let running = Running {
                    generation,
                    run: Run::Connecting,
                    kubeconfig,
                };
                self.runs.insert(name, running);
            }
        }
    }

    fn delete(&mut self, name: String, asked: u64) {
        let refused = |cause: &str| {
            State::Refused(Refused {
                cause: cause.to_owned(),
            })
        };
        let held = self.runs.get(&name).map(|running| running.generation);
        match (held, self.on_delete) {
            (Some(held), _) if asked > 0 && asked < held => {
                let again = report(&name, &self.runs[&name]);
                self.up.push_back(again);
            }
            (None, _) => self.say(&name, asked, State::Dropped(Dropped {})),
            (Some(held), Manner::Obeys) => {
                self.runs.remove(&name);
                self.say(&name, held.max(asked), State::Dropped(Dropped {}));
            }
            (Some(held), Manner::Fails) => self.say(&name, held, refused("no")),
            (Some(_), Manner::IsSilent) => {}
        }
    }

    fn say(&mut self, name: &str, generation: u64, state: State) {
        self.up.push_back(AccountReport {
            account: name.to_owned(),
            generation,
            state: Some(state),
        });
    }

    /// What it runs makes progress.
    pub(super) fn progress(&mut self) {
        for name in NAMES {
            let on_save = self.on_save;
            let Some(running) = self.runs.get_mut(name) else {
                continue;
            };
            running.run = match (running.run, on_save) {
                (Run::Connecting | Run::Lost, Manner::Obeys) => Run::Ready,
                (Run::Connecting, Manner::Fails) => Run::Failed,
                (Run::Ready, Manner::Fails) => Run::Lost,
                _ => continue,
            };
            let said = report(name, running);
            if self.line.is_some() {
                self.up.push_back(said);
            }
        }
    }

    /// Its next report, or, `late`, one of long ago.
    pub(super) fn speak(&mut self, late: bool) -> Option<AgentEvent> {
        let line = self.line.as_ref()?;
        let report = match late {
            false => {
                let report = self.up.pop_front()?;
                self.said.push_back(report.clone());
                report
            }
            true => self.said.pop_front()?,
        };
        Some(test_agent::reports(self.id, &line.session_id, report))
    }
}

fn ready(host: &str) -> State {
    State::Ready(Ready {
        kube_host: host.to_owned(),
        kube_version: "v1.36.3".to_owned(),
        cert_fingerprint: "ab12".to_owned(),
        kinds: Vec::new(),
        namespaces: None,
    })
}

fn report(name: &str, running: &Running) -> AccountReport {
    let cause = || "no route".to_owned();
    AccountReport {
        account: name.to_owned(),
        generation: running.generation,
        state: Some(match running.run {
            Run::Connecting => State::Connecting(Connecting::default()),
            Run::Ready => ready("https://kube"),
            Run::Failed => State::Failed(Failed { cause: cause() }),
            Run::Lost => State::Lost(Lost { cause: cause() }),
        }),
    }
}
