//! Lets things happen to a core and what is around it, and looks at the promises after each.

use super::agents::{Agent, Down as Message, Manner, Run};
use super::engine::Engine;
use super::promises::{Picture, Story, Why, holds};
use super::{AGENTS, Fate, Happening, LIMITS, NAMES, Outside, SILENCE, Write};
use crate::account::state::Wanted;
use crate::account::{Status, View};
use crate::failpoint::test_fuse;
use crate::intercept::Outcome;
use crate::source::test_source::TestSource;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// What no answer may hold.
const PLANTED: &str = "planted-7f3a9c51";
/// More rounds without an end would be a circle.
const ROUNDS: usize = 200;

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

struct World {
    /// Seconds since the beginning, by the database's clock.
    now: i64,
    engine: Engine,
    clouddriver: TestSource,
    is_away: bool,
    outside: Outside,
    agents: Vec<Agent>,
    /// How many cores and sessions there were.
    cores: u32,
    sessions: u32,
    story: Story,
    /// What Clouddriver took and answered: it must be here in the end.
    owed: BTreeSet<&'static str>,
    clock: sqlx::SqliteConnection,
    folder: TempDir,
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
        let store = Engine::open(folder.path()).await;
        for (name, edit) in &outside.accounts {
            clouddriver.put(name, json!({"kubeconfigContents": contents(*edit)}));
        }
        let url = format!("sqlite:{}", folder.path().join("ferry.db").display());
        let mut clock = sqlx::SqliteConnection::connect(&url).await.unwrap();
        turn(&mut clock, 1).await;
        let source = clouddriver.source();
        let settings = outside.settings;
        let engine = Engine::start(store, folder.path(), source, settings, "core-1".to_owned());
        World {
            now: 1,
            engine: engine.await,
            clouddriver,
            is_away: false,
            outside,
            agents: AGENTS.map(|(id, zone)| Agent::new(id, zone)).into(),
            cores: 1,
            sessions: 0,
            story: Story::default(),
            owed: BTreeSet::new(),
            clock,
            folder,
        }
    }

    async fn happens(&mut self, happening: Happening, outside: &Outside) {
        self.advance(1).await;
        let before = Picture::of(&self.engine).await;
        let mut why = Why {
            goes_on: outside.settings.activate,
            ..Why::default()
        };
        for accounts in [&self.outside.accounts, &outside.accounts] {
            why.at_clouddriver.extend(accounts.keys());
        }
        let change = AssertUnwindSafe(self.change(&happening, outside, &mut why));
        let outcome = change.catch_unwind().await;
        self.outside = outside.clone();
        if test_fuse::is_burnt() {
            why.settles = true;
            self.die(1, None).await;
        } else if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        self.compare(&before, &why).await;
    }

    async fn change(&mut self, happening: &Happening, outside: &Outside, why: &mut Why) {
        match happening {
            Happening::Post(names) => self.post(names, why).await,
            Happening::Bring(name) => {
                why.makes.insert(name);
                let body = json!({"name": name, "kubeconfigContents": contents(outside.edits)});
                self.ask("POST", "/armory/accounts/dynamic", body).await;
            }
            Happening::Revise(name) => {
                let body = json!({"name": name, "kubeconfigContents": contents(outside.edits)});
                self.ask("PUT", "/armory/accounts/dynamic", body).await;
            }
            Happening::Patch {
                names,
                active,
                zone,
            } => self.patch(names, *active, *zone, why).await,
            Happening::Delete(names) => {
                why.deletes.extend(names);
                self.forgive(names);
                self.ask("DELETE", "/armory/accounts", json!(names)).await;
            }
            Happening::DeleteOne(name) => {
                why.deletes.insert(name);
                let path = format!("/armory/accounts/{name}");
                self.forgive(&[name]);
                self.ask("DELETE", &path, Value::Null).await;
            }
            Happening::Write(write, name, fate) => {
                self.write(*write, name, *fate, outside, why).await;
            }
            Happening::Edit(name) => self.put(name, outside.edits),
            Happening::Remove(name) => {
                self.clouddriver.remove(name);
                self.owed.remove(name);
            }
            Happening::Source(there) => {
                let status = (!there).then_some(StatusCode::SERVICE_UNAVAILABLE);
                self.clouddriver.answer(status);
                self.is_away = !there;
            }
            Happening::Scan => self.scan(why).await,
            Happening::Settle => {
                why.settles = true;
                self.engine.interceptor.settle_once(false).await.unwrap();
            }
            Happening::Look(name) => self.look(name).await,
            Happening::Quiet => self.quiet().await,
            Happening::Work => self.work().await,
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

    /// A request; answers its status.
    async fn ask(&self, method: &str, path: &str, body: Value) -> u16 {
        let text = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("X-SPINNAKER-USER", "anna")
            .body(Bytes::from(text))
            .unwrap();
        let answer = self.engine.api.handle(request).await;
        let (status, text) = (answer.status(), String::from_utf8_lossy(answer.body()));
        let ours = status.is_server_error() && !(self.is_away && status == 503);
        assert!(!ours, "{method} {path}: {status} {text}");
        assert!(!text.contains(PLANTED), "{method} {path}: {text}");
        status.as_u16()
    }

    /// Nobody is owed what was asked to be deleted.
    fn forgive(&mut self, names: &[&'static str]) {
        self.owed.retain(|name| !names.contains(name));
    }

    async fn post(&mut self, names: &[&'static str], why: &mut Why) {
        why.makes.extend(names);
        let entries: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        if self.ask("POST", "/armory/accounts", json!(entries)).await == 202 {
            for name in names {
                assert!(self.view(name).await.is_some(), "`{name}` was answered 202");
            }
        }
    }

    async fn patch(
        &mut self,
        names: &[&'static str],
        active: bool,
        zone: Option<&str>,
        why: &mut Why,
    ) {
        let (state, set, wanted) = match active {
            true => ("ACTIVE", &mut why.activates, Wanted::Active),
            false => ("INACTIVE", &mut why.deactivates, Wanted::Inactive),
        };
        set.extend(names);
        let entry = |name: &&str| match zone {
            Some(zone) => json!({"name": name, "state": state, "zoneId": zone}),
            None => json!({"name": name, "state": state}),
        };
        let entries: Vec<Value> = names.iter().map(entry).collect();
        let alone = names.len() == 1;
        match self.ask("PATCH", "/armory/accounts", json!(entries)).await {
            202 => {
                for name in names {
                    let view = self.view(name).await.expect("it was answered 202");
                    assert_eq!(view.account.wanted, wanted, "{view:#?}");
                }
            }
            // What is refused changes nothing.
            _ if alone => {
                why.activates.clear();
                why.deactivates.clear();
            }
            _ => {}
        }
    }

    /// A write through the interceptor, as a door does it.
    async fn write(
        &mut self,
        write: Write,
        name: &'static str,
        fate: Fate,
        outside: &Outside,
        why: &mut Why,
    ) {
        let method = match write {
            Write::Post => Method::POST,
            Write::Put => Method::PUT,
            Write::Delete => Method::DELETE,
        };
        let is_new = !self.outside.accounts.contains_key(name);
        let body = json!({
            "type": "kubernetes", "name": name, "kubeconfigContents": contents(outside.edits),
        });
        let path = match write {
            Write::Delete => format!("/credentials/{name}"),
            _ => "/credentials".to_owned(),
        };
        if fate != Fate::Refused {
            let known = [
                (Write::Post, "POST"),
                (Write::Put, "PUT"),
                (Write::Delete, "DELETE"),
            ];
            let method = known.into_iter().find(|(of, _)| *of == write);
            why.writes.insert(name, method.expect("one of three").1);
        }
        if outside.taken {
            // Whatever becomes of the core, Clouddriver has it.
            self.owed.remove(name);
        }
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-spinnaker-user"),
            http::HeaderValue::from_static("anna"),
        )]);
        let body = Bytes::from(body.to_string());
        let interceptor = self.engine.interceptor.clone();
        let begun = AssertUnwindSafe(interceptor.begin(&method, &path, &headers, &body));
        let begun = begun.catch_unwind().await;
        match (outside.taken, write) {
            (false, _) => {}
            (true, Write::Delete) => self.clouddriver.remove(name),
            (true, _) => self.put(name, outside.edits),
        }
        let Ok(begun) = begun else { return };
        let outcome = match fate {
            Fate::Unheard(_) => Outcome::Unknown,
            _ if outside.taken => Outcome::Answered(StatusCode::CREATED),
            _ => Outcome::Answered(StatusCode::BAD_REQUEST),
        };
        let begun = begun.expect("the database is there");
        let begun = begun.expect("it concerns an account");
        begun.settle(outcome).await;
        let answered = outside.taken && fate == Fate::Answered && !test_fuse::is_burnt();
        if answered && write != Write::Delete && (is_new || write == Write::Post) {
            self.owed.insert(name);
        }
    }

    fn put(&self, name: &str, edit: u32) {
        self.clouddriver
            .put(name, json!({"kubeconfigContents": contents(edit)}));
    }

    async fn look(&self, name: &str) {
        for path in [
            format!("/armory/accounts/{name}"),
            format!("/armory/accounts/{name}/scan"),
            format!("/agents/kubernetes/accounts/{name}"),
            format!("/armory/accounts/{name}/audit"),
            "/armory/accounts".to_owned(),
            "/armory/agents".to_owned(),
        ] {
            self.ask("GET", &path, Value::Null).await;
        }
    }

    async fn scan(&mut self, why: &mut Why) {
        why.scans = self.outside.settings.scans;
        let Engine {
            lifecycle, memory, ..
        } = &mut self.engine;
        lifecycle.scan_by_hand(memory).await;
    }

    async fn connect(&mut self, at: usize) {
        self.sessions += 1;
        let session = format!("session-{}", self.sessions);
        let event = self.agents[at].connect(&self.engine.core_id, &session, self.now);
        self.engine.lifecycle.hear(vec![event]).await;
        assert!(self.agents[at].answered(), "an agent is not taken");
    }

    /// The core hears of the ends of an agent's connections.
    async fn notice(&mut self, at: usize) {
        let ends = self.agents[at].ends();
        self.engine.lifecycle.hear(ends).await;
    }

    /// The core hears an agent's next report; `false`: there is none.
    async fn hear(&mut self, at: usize, late: bool) -> bool {
        let Some(event) = self.agents[at].speak(late) else {
            return false;
        };
        self.engine.lifecycle.hear(vec![event]).await;
        true
    }

    async fn work(&mut self) {
        self.engine.lifecycle.round().await.unwrap();
        self.engine.lifecycle.take_steps().await;
    }

    async fn quiet(&mut self) {
        for _ in 0..ROUNDS {
            let mut moved = self.engine.lifecycle.take_steps().await;
            self.listen(None);
            let mut said = Vec::new();
            for agent in &mut self.agents {
                moved |= agent.take();
                agent.progress();
                said.extend(std::iter::from_fn(|| agent.speak(false)));
            }
            moved |= !said.is_empty();
            self.engine.lifecycle.hear(said).await;
            if !moved {
                return;
            }
        }
        panic!(
            "it never gets quiet: {:#?}",
            Picture::of(&self.engine).await
        );
    }

    async fn advance(&mut self, seconds: i64) {
        self.now += seconds;
        turn(&mut self.clock, self.now).await;
        for agent in &mut self.agents {
            agent.grow_lonely(self.now);
        }
    }

    /// Time passes, and whatever has its time meanwhile happens then.
    async fn pass(&mut self, seconds: i64) {
        let end = self.now + seconds;
        while self.now < end {
            let step = (seconds / 15).clamp(1, end - self.now);
            self.advance(step).await;
            for at in 0..self.agents.len() {
                let cut = self.agents[at].cut_at;
                if cut.is_some_and(|cut| cut + SILENCE <= self.now) {
                    self.notice(at).await;
                }
            }
            self.work().await;
            self.engine.interceptor.settle_once(false).await.unwrap();
            self.engine.lifecycle.take_steps().await;
            self.listen(None);
            for view in Picture::of(&self.engine).await.rows.values() {
                let due = view.account.due_at;
                let late = view.account.status.is_transient() && due <= Some(view.now);
                assert!(!late, "past its deadline: {view:#?}");
            }
        }
    }

    /// The core dies and is back after so many seconds; agents are without it meanwhile.
    async fn die(&mut self, seconds: i64, again: Option<u32>) {
        test_fuse::light(0);
        self.engine.interceptor.shutdown().await;
        for agent in &mut self.agents {
            agent.lose_core(self.now);
        }
        self.advance(seconds).await;
        for fuse in [again, None] {
            test_fuse::put_out();
            if let Some(points) = fuse {
                test_fuse::light(points);
            }
            match AssertUnwindSafe(self.start()).catch_unwind().await {
                Ok(()) => return test_fuse::put_out(),
                Err(panic) if !test_fuse::is_burnt() => std::panic::resume_unwind(panic),
                Err(_) => {}
            }
        }
    }

    async fn start(&mut self) {
        self.engine.store.close().await;
        self.cores += 1;
        let core_id = format!("core-{}", self.cores);
        let (folder, source) = (self.folder.path(), self.clouddriver.source());
        let store = Engine::open(folder).await;
        let settings = self.outside.settings;
        self.engine = Engine::start(store, folder, source, settings, core_id).await;
        self.engine.interceptor.settle_once(true).await.unwrap();
        self.engine.lifecycle.round().await.unwrap();
    }

    async fn view(&self, name: &str) -> Option<View> {
        self.engine.store.view(name).await.unwrap()
    }

    /// Agents receive what was sent; with a picture of the rows it is held against them.
    fn listen(&mut self, picture: Option<&Picture>) {
        for agent in &mut self.agents {
            for message in agent.listen(self.now) {
                let (
                    Message::Save {
                        name, generation, ..
                    },
                    Some(picture),
                ) = (&message, picture)
                else {
                    continue;
                };
                let row = picture.rows.get(name).map(|view| &view.account);
                let current = row.filter(|row| row.generation.unsigned_abs() == *generation);
                let off = current.is_some_and(|row| row.wanted != Wanted::Active);
                let claimed = picture.rows.get(name).is_some_and(|view| view.claimed);
                assert!(!off || claimed, "sent while it is off: {row:#?}");
            }
        }
    }

    async fn compare(&mut self, before: &Picture, why: &Why) {
        let after = Picture::of(&self.engine).await;
        why.explains(before, &after);
        self.listen(Some(&after));
        for view in after.rows.values() {
            holds(view);
        }
        self.story.goes_on(&self.engine, &after).await;
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

    /// Every agent is there and behaves, Clouddriver answers, and time passes.
    async fn calm(&mut self) {
        test_fuse::put_out();
        self.clouddriver.answer(None);
        self.is_away = false;
        for at in 0..self.agents.len() {
            let agent = &mut self.agents[at];
            (agent.on_save, agent.on_delete) = (Manner::Obeys, Manner::Obeys);
            if agent.own.take().is_some() {
                agent.kill(self.now);
            }
            self.connect(at).await;
        }
        for seconds in [1, 1, 5, 5, 10, 60, 5, 60, 5, 60, 5, 600, 5] {
            let before = Picture::of(&self.engine).await;
            let mut why = Why {
                goes_on: self.outside.settings.activate,
                settles: true,
                at_clouddriver: self.outside.accounts.keys().copied().collect(),
                ..Why::default()
            };
            self.scan(&mut why).await;
            self.quiet().await;
            self.pass(seconds).await;
            self.compare(&before, &why).await;
        }
        self.quiet().await;
    }

    async fn ends_well(&mut self) {
        self.calm().await;
        let picture = Picture::of(&self.engine).await;
        assert!(picture.open.is_empty(), "never settled: {picture:#?}");
        for name in &self.owed {
            let there = picture.rows.contains_key(*name);
            assert!(there, "`{name}` was answered 2xx, and is lost");
        }
        let mut asked = false;
        for (name, view) in &picture.rows {
            if self.is_done(view) {
                continue;
            }
            // What gave up waits for a person, who asks again.
            let gave_up = match view.account.status {
                Status::Failed => view.account.failed_count >= LIMITS.max_retries,
                Status::DeleteFailed => true,
                _ => false,
            };
            assert!(gave_up, "{view:#?} {:#?}", self.agents);
            asked = true;
            let patch = |state: &str| json!([{"name": name, "state": state}]);
            let path = "/armory/accounts";
            let status = match view.account.wanted {
                Wanted::Active => self.ask("PATCH", path, patch("ACTIVE")).await,
                Wanted::Inactive => self.ask("PATCH", path, patch("INACTIVE")).await,
                Wanted::Deleted => self.ask("DELETE", path, json!([name])).await,
            };
            assert_eq!(status, 202);
        }
        if asked {
            self.calm().await;
        }
        self.is_current().await;
        if asked {
            for view in Picture::of(&self.engine).await.rows.values() {
                assert!(self.is_done(view), "{view:#?} {:#?}", self.agents);
            }
        }
        self.engine.interceptor.shutdown().await;
        self.engine.store.close().await;
    }

    /// Agents have the definitions that are kept, and these are Clouddriver's where we can know.
    async fn is_current(&self) {
        for view in Picture::of(&self.engine).await.rows.values() {
            let name = view.account.name.as_str();
            let kept = self.engine.lifecycle.secrets_for_tests(name).await;
            let kept = kept.expect("every definition of the test has a secret");
            let kept: BTreeMap<String, String> =
                serde_json::from_str(kept.expose_secret()).unwrap();
            let kept = &kept["/kubeconfigContents"];
            let inline = self
                .engine
                .store
                .content(name)
                .await
                .unwrap()
                .unwrap()
                .inline;
            let there = self.outside.accounts.get(name);
            if let Some(edit) = there.filter(|_| self.outside.settings.scans && !inline) {
                assert_eq!(
                    *kept,
                    contents(*edit),
                    "`{name}` is not what Clouddriver has"
                );
            }
            for agent in &self.agents {
                let running = agent.runs.get(name);
                let running = running.filter(|_| view.account.status == Status::Active);
                if let Some(running) = running {
                    assert_eq!(running.kubeconfig, *kept, "`{name}` at {}", agent.id);
                }
            }
        }
    }

    /// The account is as it was asked for.
    fn is_done(&self, view: &View) -> bool {
        let row = &view.account;
        let name = row.name.as_str();
        let runs = |agent: &Agent| agent.runs.contains_key(name);
        match row.wanted {
            Wanted::Active => {
                let zone = row.zone_id.as_deref();
                let current = |agent: &Agent| {
                    let running = agent.runs.get(name);
                    running
                        .filter(|it| it.generation == row.generation.unsigned_abs())
                        .map(|it| it.run)
                };
                let asked = row.requested_zone.as_deref();
                row.status == Status::Active
                    && asked.is_none_or(|asked| Some(asked) == zone)
                    && self.agents.iter().any(|it| current(it) == Some(Run::Ready))
                    && self
                        .agents
                        .iter()
                        .all(|agent| match Some(agent.zone) == zone {
                            // A replica that failed stays idle while another serves.
                            true => current(agent).is_some(),
                            false => !runs(agent),
                        })
            }
            Wanted::Inactive => {
                let stopped = !self.agents.iter().any(runs);
                row.status == Status::Inactive && view.holdings.is_empty() && stopped
            }
            Wanted::Deleted => false,
        }
    }
}

fn contents(edit: u32) -> String {
    format!("token: {PLANTED}-{edit}")
}

async fn turn(clock: &mut sqlx::SqliteConnection, seconds: i64) {
    let sql = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {seconds}"));
    sqlx::query(sql).execute(clock).await.unwrap();
}
