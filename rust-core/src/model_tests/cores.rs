//! The cores' lives: which of them acts, what they hear and do, how they die and come back. One that
//! dies leaves the other to go on; what it had under way unwinds with it.

use super::agents::Down as Message;
use super::engine::Engine;
use super::promises::Picture;
use super::world::{World, turn};
use super::{NAMES, SILENCE};
use crate::account::View;
use crate::account::state::Wanted;
use crate::failpoint::test_fuse;
use crate::hub::AgentEvent;
use crate::store::KeyUse;
use futures_util::FutureExt;
use futures_util::future::join;
use serde_json::Value;
use std::panic::AssertUnwindSafe;

/// More rounds without an end would be a circle.
const ROUNDS: usize = 200;

impl World {
    /// The core that acts.
    pub(super) fn here(&self) -> &Engine {
        self.cores[self.at]
            .as_ref()
            .expect("a core that acts is up")
    }

    /// The cores that are up.
    pub(super) fn up(&self) -> Vec<usize> {
        let cores = self.cores.iter().enumerate();
        cores
            .filter_map(|(at, core)| core.as_ref().map(|_| at))
            .collect()
    }

    /// Another core that is up.
    fn other(&self) -> Option<usize> {
        self.up().into_iter().find(|at| *at != self.at)
    }

    /// What follows reaches this core, if it is up.
    pub(super) fn turn_to(&mut self, at: usize) {
        if self.cores.get(at).is_some_and(Option::is_some) {
            self.at = at;
        }
    }

    pub(super) async fn connect(&mut self, agent: usize) {
        self.sessions += 1;
        let session = format!("session-{}", self.sessions);
        let core_id = self.here().core_id.clone();
        let event = self.agents[agent].connect(self.at, &core_id, &session, self.now);
        self.here().lifecycle.hear(vec![event]).await;
        assert!(self.agents[agent].answered(), "an agent is not taken");
    }

    /// The cores hear of the ends of an agent's connections.
    pub(super) async fn notice(&mut self, agent: usize) {
        let acting = self.at;
        for (core, end) in self.agents[agent].ends() {
            self.at = core;
            self.here().lifecycle.hear(vec![end]).await;
        }
        self.at = acting;
    }

    /// An agent's core hears its next report; `false`: there is none.
    pub(super) async fn hear(&mut self, agent: usize, late: bool) -> bool {
        let Some(event) = self.agents[agent].speak(late) else {
            return false;
        };
        self.tell(agent, vec![event]).await;
        true
    }

    /// An agent's core hears this.
    async fn tell(&mut self, agent: usize, events: Vec<AgentEvent>) {
        let acting = std::mem::replace(&mut self.at, self.agents[agent].core);
        self.here().lifecycle.hear(events).await;
        self.at = acting;
    }

    pub(super) async fn work(&self) {
        self.here().lifecycle.round().await.unwrap();
        self.here().lifecycle.take_steps().await;
    }

    /// Both cores take steps at the same time.
    pub(super) async fn race(&mut self) {
        test_fuse::put_out();
        let Some(other) = self.other() else {
            return self.work().await;
        };
        let lifecycles = [self.at, other].map(|at| {
            let core = self.cores[at].as_ref().expect("it is up");
            &core.lifecycle
        });
        for lifecycle in lifecycles {
            lifecycle.round().await.unwrap();
        }
        join(lifecycles[0].take_steps(), lifecycles[1].take_steps()).await;
    }

    /// Everything that is under way arrives.
    pub(super) async fn quiet(&mut self) {
        let acting = self.at;
        for _ in 0..ROUNDS {
            let mut moved = false;
            for at in self.up() {
                self.at = at;
                if self.cores.len() > 1 {
                    self.here().lifecycle.send_what_was_left().await;
                }
                moved |= self.here().lifecycle.take_steps().await;
            }
            self.listen().await;
            for agent in 0..self.agents.len() {
                moved |= self.agents[agent].take();
                self.agents[agent].progress();
                let said: Vec<AgentEvent> =
                    std::iter::from_fn(|| self.agents[agent].speak(false)).collect();
                if !said.is_empty() {
                    moved = true;
                    self.tell(agent, said).await;
                }
            }
            self.at = acting;
            if !moved {
                return;
            }
        }
        let picture = Picture::of(self.here()).await;
        panic!("it never gets quiet: {picture:#?}");
    }

    pub(super) async fn advance(&mut self, seconds: i64) {
        self.now += seconds;
        turn(&mut self.clock, self.now).await;
        for agent in &mut self.agents {
            agent.grow_lonely(self.now);
        }
    }

    /// Time passes, and whatever has its time meanwhile happens then.
    pub(super) async fn pass(&mut self, seconds: i64) {
        let acting = self.at;
        let end = self.now + seconds;
        while self.now < end {
            let step = (seconds / 15).clamp(1, end - self.now);
            self.advance(step).await;
            self.renew().await;
            for agent in 0..self.agents.len() {
                let cut = self.agents[agent].cut_at;
                if cut.is_some_and(|cut| cut + SILENCE <= self.now) {
                    self.notice(agent).await;
                }
            }
            for at in self.up() {
                self.at = at;
                self.work().await;
                self.listen().await;
                let core = self.here();
                core.interceptor.settle_once(false).await.unwrap();
                core.lifecycle.take_steps().await;
                self.listen().await;
            }
            self.at = acting;
            for view in Picture::of(self.here()).await.rows.values() {
                let due = view.account.due_at;
                let late = view.account.status.is_transient() && due <= Some(view.now);
                assert!(!late, "past its deadline: {view:#?}");
            }
        }
    }

    /// As cores do every second, however long the steps are in which time passes here.
    async fn renew(&mut self) {
        for at in self.up() {
            let core = self.cores[at].as_ref().expect("it is up");
            let seen = "UPDATE kubesvc_ferry_cores SET last_seen = 1767225600000 + ? * 1000
                WHERE core_id = ?";
            let seen = sqlx::query(seen).bind(self.now).bind(&core.core_id);
            seen.execute(&mut self.clock).await.unwrap();
        }
    }

    /// The core that acts dies, and stays away if there is another.
    pub(super) async fn fall(&mut self) {
        match self.other() {
            Some(other) => {
                self.end().await;
                self.at = other;
            }
            None => self.die(1, None).await,
        }
    }

    /// The core that acts dies and is back after so many seconds; its agents are without it
    /// meanwhile. Another core goes on.
    pub(super) async fn die(&mut self, seconds: i64, again: Option<u32>) {
        let (dead, other) = (self.at, self.other());
        self.end().await;
        match other {
            Some(other) => {
                self.at = other;
                self.pass(seconds).await;
            }
            None => self.advance(seconds).await,
        }
        self.rise(dead, again).await;
    }

    async fn end(&mut self) {
        test_fuse::light(0);
        let core = self.cores[self.at].take().expect("a core that acts is up");
        core.interceptor.shutdown().await;
        test_fuse::put_out();
        core.store.close().await;
        for agent in &mut self.agents {
            agent.lose_core(self.at, self.now);
        }
    }

    /// A core that is away starts, and acts; it may die once more while it does.
    pub(super) async fn rise(&mut self, at: usize, again: Option<u32>) {
        if !self.cores.get(at).is_some_and(Option::is_none) {
            return;
        }
        self.at = at;
        for fuse in [again, None] {
            test_fuse::put_out();
            if let Some(points) = fuse {
                test_fuse::light(points);
            }
            match AssertUnwindSafe(self.start()).catch_unwind().await {
                Ok(()) => return test_fuse::put_out(),
                Err(panic) if !test_fuse::is_burnt() => std::panic::resume_unwind(panic),
                Err(_) => self.cores[at] = None,
            }
        }
    }

    async fn start(&mut self) {
        self.starts += 1;
        let core_id = format!("core-{}", self.starts);
        let (folder, source) = (self.folder.path(), self.clouddriver.source());
        let settings = self.outside.settings;
        let core = Engine::start(folder, self.sealing, source, settings, core_id).await;
        self.cores[self.at] = Some(core);
        let core = self.here();
        core.interceptor.settle_once(true).await.unwrap();
        core.lifecycle.round().await.unwrap();
    }

    pub(super) async fn view(&self, name: &str) -> Option<View> {
        self.here().store.view(name).await.unwrap()
    }

    /// Agents receive what was sent, which is held against the rows.
    pub(super) async fn listen(&mut self) {
        let now = self.now;
        let messages = self.agents.iter_mut().flat_map(|agent| agent.listen(now));
        let saves = messages.filter_map(|message| match message {
            Message::Save {
                name, generation, ..
            } => Some((name, generation)),
            Message::Delete { .. } => None,
        });
        let saves: Vec<(String, u64)> = saves.collect();
        if saves.is_empty() {
            return;
        }
        let rows = self.here().store.views(&NAMES).await.unwrap();
        for (name, generation) in saves {
            let Some(view) = rows.get(&name) else {
                continue;
            };
            let current = view.account.generation.unsigned_abs() == generation;
            let off = current && view.account.wanted != Wanted::Active;
            assert!(!off || view.claimed, "sent while it is off: {view:#?}");
        }
    }

    /// Seals everything with the key of the core that acts: nobody notices.
    pub(super) async fn rotate(&mut self) {
        let before = Picture::of(self.here()).await;
        if self.ask("POST", "/armory/keys/rotate", Value::Null).await == 200 {
            let keys = self.here().lifecycle.keys().await.unwrap();
            let ours = |used: &KeyUse| Some(&used.key_id) == keys.key_id.as_ref();
            assert!(keys.uses.iter().all(ours), "{keys:?}");
        }
        let after = Picture::of(self.here()).await;
        for (name, view) in &before.rows {
            assert_eq!(after.rows[name].account, view.account, "`{name}` was moved");
        }
    }
}
