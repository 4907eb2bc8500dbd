//! A world: cores, agents and a small Clouddriver. Lets things happen to them, and looks at the
//! promises after each; `asks`, `cores` and `ending` say how.

use super::agents::{Agent, Run};
use super::asks::Sent;
use super::engine::Engine;
use super::ledger::Ledger;
use super::promises::{Picture, Story, Why, holds};
use super::{AGENTS, Happening, NAMES, Outside};
use crate::failpoint::test_fuse;
use crate::source::test_source::TestSource;
use futures_util::FutureExt;
use http::StatusCode;
use serde_json::{Value, json};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnectOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What no answer may hold.
pub(super) const PLANTED: &str = "planted-7f3a9c51";

/// So many seconds a request with a key belongs to who carries it out, or is dead.
const CLAIM: i64 = 5;

/// A world with the runtime it lives on.
pub(super) struct Life {
    world: World,
    runtime: Runtime,
}

impl Life {
    pub(super) fn begin(outside: Outside) -> Life {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let served: Vec<&str> = outside.accounts.keys().copied().collect();
        let world = runtime.block_on(World::begin(outside.clone()));
        let mut life = Life { world, runtime };
        if !served.is_empty() {
            life.happens(Happening::Connect(0), &outside);
            life.happens(Happening::Connect(2), &outside);
            life.happens(Happening::Post(served.clone()), &outside);
            let patch = Happening::Patch {
                names: served,
                active: true,
                zone: None,
            };
            life.happens(patch, &outside);
            life.happens(Happening::Quiet, &outside);
        }
        life
    }

    pub(super) fn happens(&mut self, happening: Happening, outside: &Outside) {
        self.runtime
            .block_on(self.world.happens(happening, outside));
    }

    pub(super) fn ends_well(&mut self) {
        self.runtime.block_on(self.world.ends_well());
    }
}

pub(super) struct World {
    /// Seconds since the beginning, by the database's clock.
    pub(super) now: i64,
    /// One core, or two on the same tables; none where one is away.
    pub(super) cores: Vec<Option<Engine>>,
    /// The core that acts, which is up.
    pub(super) at: usize,
    pub(super) clouddriver: TestSource,
    pub(super) is_away: bool,
    pub(super) outside: Outside,
    pub(super) agents: Vec<Agent>,
    /// How many starts of cores and sessions there were.
    pub(super) starts: u32,
    pub(super) sessions: u32,
    story: Story,
    /// Names that agents' own configuration ever brought, with the clusters' URLs.
    brought: BTreeSet<(&'static str, &'static str)>,
    pub(super) ledger: Ledger,
    /// The Idempotency-Key of what is asked now.
    pub(super) key: Option<String>,
    /// The last request that had one.
    pub(super) sent: Option<Sent>,
    /// Which of the keys seals in cores that start from now on.
    pub(super) sealing: usize,
    pub(super) clock: sqlx::SqliteConnection,
    pub(super) folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        // The next life may begin on this thread.
        test_fuse::put_out();
    }
}

impl World {
    async fn begin(outside: Outside) -> World {
        test_fuse::put_out();
        // Costs no disk: what a machine's end leaves of a file is not the question here.
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        let clouddriver = TestSource::start().await;
        for (name, edit) in &outside.accounts {
            clouddriver.put(name, json!({"kubeconfigContents": contents(*edit)}));
        }
        let file = SqliteConnectOptions::new().filename(folder.path().join("ferry.db"));
        let file = file.create_if_missing(true);
        let mut clock = sqlx::SqliteConnection::connect_with(&file).await.unwrap();
        turn(&mut clock, 1).await;
        let cores = if outside.settings.replicas { 2 } else { 1 };
        let mut world = World {
            now: 1,
            cores: (0..cores).map(|_| None).collect(),
            at: 0,
            clouddriver,
            is_away: false,
            outside,
            agents: AGENTS.map(|(id, zone)| Agent::new(id, zone)).into(),
            starts: 0,
            sessions: 0,
            story: Story::default(),
            brought: BTreeSet::new(),
            ledger: Ledger::default(),
            key: None,
            sent: None,
            sealing: 0,
            clock,
            folder,
        };
        for at in (0..cores).rev() {
            world.rise(at, None).await;
        }
        world
    }

    async fn happens(&mut self, happening: Happening, outside: &Outside) {
        self.advance(1).await;
        let before = Picture::of(self.here()).await;
        let mut why = Why {
            goes_on: outside.settings.activate,
            ..Why::default()
        };
        for accounts in [&self.outside.accounts, &outside.accounts] {
            why.at_clouddriver.extend(accounts.keys());
        }
        self.ledger.open = before.open.keys().cloned().collect();
        let (keyed, happening) = match happening {
            Happening::Keyed(request) => (true, *request),
            other => (false, other),
        };
        self.key = keyed.then(|| format!("key at {}", self.now));
        if self.dies_of(&happening, outside, &mut why).await && keyed {
            // Who had no answer asks again, once the dead one's claim is over.
            self.pass(CLAIM).await;
            self.dies_of(&happening, outside, &mut why).await;
        }
        self.key = None;
        self.compare(&before, why).await;
    }

    /// Lets it happen; whether the core died of it, and is back.
    async fn dies_of(&mut self, happening: &Happening, outside: &Outside, why: &mut Why) -> bool {
        let change = AssertUnwindSafe(self.change(happening, outside, why));
        let outcome = change.catch_unwind().await;
        self.outside = outside.clone();
        if test_fuse::is_burnt() {
            why.settles = true;
            self.die(1, None).await;
            return true;
        }
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        false
    }

    async fn change(&mut self, happening: &Happening, outside: &Outside, why: &mut Why) {
        match happening {
            Happening::Post(names) => self.post(names, why).await,
            Happening::Bring(name) => self.bring(name, outside.edits, why).await,
            Happening::Revise(name) => self.revise(name, outside.edits).await,
            Happening::Patch {
                names,
                active,
                zone,
            } => self.patch(names, *active, *zone, why).await,
            Happening::Delete(names) => self.delete(names, why).await,
            Happening::DeleteOne(name) => self.delete_one(name, why).await,
            Happening::RollBack(names) => self.roll_back(names, why).await,
            Happening::Repeat => self.repeat().await,
            Happening::Rekey => {
                why.settles = true;
                self.sealing = 1 - self.sealing;
                self.die(1, None).await;
            }
            Happening::Rotate => self.rotate().await,
            Happening::Write(write, name, fate) => {
                self.write(*write, name, *fate, outside, why).await;
            }
            Happening::Edit(name) => {
                // A new one of that name is there to be scanned.
                self.ledger.ended.remove(name);
                self.put(name, outside.edits);
            }
            Happening::Remove(name) => {
                self.clouddriver.remove(name);
                self.ledger.owed.remove(name);
            }
            Happening::Source(there) => {
                let status = (!there).then_some(StatusCode::SERVICE_UNAVAILABLE);
                self.clouddriver.answer(status);
                self.is_away = !there;
            }
            Happening::Scan => self.scan(why).await,
            Happening::Settle => {
                why.settles = true;
                self.here().interceptor.settle_once(false).await.unwrap();
            }
            Happening::Look(name) => self.look(name).await,
            Happening::Quiet => self.quiet().await,
            Happening::Work => self.work().await,
            Happening::Race => self.race().await,
            Happening::Turn(at) => self.turn_to(*at),
            Happening::Fall => {
                why.settles = true;
                self.fall().await;
            }
            Happening::Rise(at) => {
                why.settles = true;
                self.rise(*at, None).await;
            }
            Happening::Pass(seconds) => {
                why.settles = true;
                self.pass(*seconds).await;
            }
            Happening::Restart(seconds, again) => {
                why.settles = true;
                self.die(*seconds, *again).await;
            }
            Happening::Die(points) => test_fuse::light(*points),
            _ => self.of_agents(happening).await,
        }
    }

    async fn of_agents(&mut self, happening: &Happening) {
        match *happening {
            Happening::Connect(at) => self.connect(at).await,
            Happening::Cut(at) => self.agents[at].cut(self.now),
            Happening::Notice(at) => self.notice(at).await,
            Happening::Kill(at) => self.agents[at].kill(self.now),
            Happening::Disconnect(at) => {
                let path = format!("/armory/agent/{}/disconnect", self.agents[at].id);
                self.ask("POST", &path, Value::Null).await;
            }
            Happening::Claim(at, own) => {
                // It reads its configuration when it starts.
                self.agents[at].kill(self.now);
                self.agents[at].own = own;
                self.connect(at).await;
            }
            Happening::Manners(at, on_save, on_delete) => {
                (self.agents[at].on_save, self.agents[at].on_delete) = (on_save, on_delete);
            }
            Happening::Down(at) => drop(self.agents[at].take()),
            Happening::Up(at) => drop(self.hear(at, false).await),
            Happening::Late(at) => drop(self.hear(at, true).await),
            Happening::Progress(at) => self.agents[at].progress(),
            _ => unreachable!("{happening:?} is no agent's"),
        }
    }

    pub(super) async fn scan(&mut self, why: &mut Why) {
        why.scans = self.outside.settings.scans;
        let Engine {
            lifecycle, memory, ..
        } = self.cores[self.at]
            .as_mut()
            .expect("a core that acts is up");
        lifecycle.scan_by_hand(memory).await;
    }

    pub(super) async fn compare(&mut self, before: &Picture, mut why: Why) {
        let after = Picture::of(self.here()).await;
        self.brought
            .extend(self.agents.iter().filter_map(|agent| agent.own));
        why.brought.clone_from(&self.brought);
        why.explains(before, &after);
        self.listen().await;
        self.demands(&after).await;
        for (name, view) in &after.rows {
            let running = self
                .agents
                .iter()
                .filter(|agent| agent.runs.contains_key(name));
            holds(view, &running.map(|agent| agent.id).collect());
        }
        let core = self.cores[self.at]
            .as_ref()
            .expect("a core that acts is up");
        self.story.goes_on(core, &after).await;
        for name in NAMES {
            let mut zones = BTreeMap::new();
            for agent in &self.agents {
                let Some(running) = agent.runs.get(name) else {
                    continue;
                };
                let view = after.rows.get(name);
                let known = view.is_some_and(|view| {
                    let mut holders = view.holdings.iter();
                    holders.any(|held| held.agent_id == agent.id)
                });
                assert!(
                    known,
                    "`{name}` runs, and nobody knows: {agent:#?} {view:#?}"
                );
                if running.run != Run::Failed {
                    zones.insert(agent.zone, agent.id);
                }
            }
            assert!(zones.len() <= 1, "`{name}` is served in {zones:?}");
        }
    }
}

pub(super) fn contents(edit: u32) -> String {
    format!("token: {PLANTED}-{edit}")
}

pub(super) async fn turn(clock: &mut sqlx::SqliteConnection, seconds: i64) {
    let sql = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {seconds}"));
    sqlx::query(sql).execute(clock).await.unwrap();
}
