//! How a life ends: everybody is there and behaves, time passes, and everything is as it was asked for.

use super::agents::{Agent, Manner, Run};
use super::promises::{Picture, Why};
use super::world::{PLANTED, World, contents};
use super::{LIMITS, NAMES};
use crate::account::state::Wanted;
use crate::account::{Status, View};
use crate::failpoint::test_fuse;
use crate::store::AccountDetail;
use serde_json::json;

impl World {
    /// Every agent is there and behaves, Clouddriver answers, and time passes.
    async fn calm(&mut self) {
        test_fuse::put_out();
        self.clouddriver.answer(None);
        self.is_away = false;
        for at in 0..self.cores.len() {
            self.rise(at, None).await;
        }
        for at in 0..self.agents.len() {
            self.at = at % self.cores.len();
            let agent = &mut self.agents[at];
            (agent.on_save, agent.on_delete) = (Manner::Obeys, Manner::Obeys);
            if agent.own.take().is_some() {
                agent.kill(self.now);
            }
            self.connect(at).await;
        }
        for seconds in [1, 1, 5, 5, 10, 60, 5, 60, 5, 60, 5, 600, 5] {
            for at in 0..self.agents.len() {
                if !self.agents[at].is_connected() {
                    self.connect(at).await;
                }
            }
            let before = Picture::of(self.here()).await;
            let mut why = Why {
                goes_on: self.outside.settings.activate,
                settles: true,
                at_clouddriver: self.outside.accounts.keys().copied().collect(),
                ..Why::default()
            };
            for at in self.up() {
                self.at = at;
                self.scan(&mut why).await;
            }
            self.quiet().await;
            self.pass(seconds).await;
            self.compare(&before, why).await;
        }
        self.quiet().await;
    }

    pub(super) async fn ends_well(&mut self) {
        self.calm().await;
        let picture = Picture::of(self.here()).await;
        assert!(picture.open.is_empty(), "never settled: {picture:#?}");
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
            for view in Picture::of(self.here()).await.rows.values() {
                assert!(self.is_done(view), "{view:#?} {:#?}", self.agents);
            }
        }
        self.demands_in_the_end(&Picture::of(self.here()).await);
        self.one_caches().await;
        self.nothing_is_plain().await;
        for core in self.cores.iter().flatten() {
            core.interceptor.shutdown().await;
            core.store.close().await;
        }
    }

    /// Agents have the definitions that are kept, and these are Clouddriver's where we can know.
    async fn is_current(&self) {
        for view in Picture::of(self.here()).await.rows.values() {
            let name = view.account.name.as_str();
            let (kept, inline) = self.kept(name).await;
            let there = self.outside.accounts.get(name);
            if let Some(edit) = there.filter(|_| self.outside.settings.scans && !inline) {
                assert_eq!(kept, contents(*edit), "`{name}` is not Clouddriver's");
            }
            for agent in &self.agents {
                let running = agent.runs.get(name);
                let running = running.filter(|_| view.account.status == Status::Active);
                if let Some(running) = running {
                    assert_eq!(running.kubeconfig, kept, "`{name}` at {}", agent.id);
                }
            }
        }
    }

    /// Of the agents of an account that is served exactly one caches it, which is ready.
    async fn one_caches(&self) {
        let store = &self.here().store;
        for (name, detail) in store.details(&NAMES).await.unwrap() {
            let AccountDetail::Dynamic {
                account, caching, ..
            } = detail
            else {
                panic!("no agent brings `{name}`");
            };
            let ready = |agent: &&Agent| {
                let running = agent.runs.get(&name);
                Some(agent.id) == caching.as_deref()
                    && running.is_some_and(|running| running.run == Run::Ready)
            };
            let is_served = account.status == Status::Active;
            let agent = self.agents.iter().find(ready);
            assert_eq!(agent.is_some(), is_served, "{caching:?} {account:#?}");
        }
    }

    /// No column of any table has the secret that every kubeconfig has.
    async fn nothing_is_plain(&mut self) {
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
        let tables: Vec<String> = sqlx::query_scalar(tables)
            .fetch_all(&mut self.clock)
            .await
            .unwrap();
        for table in tables {
            let columns = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)").bind(&table);
            let columns: Vec<String> = columns.fetch_all(&mut self.clock).await.unwrap();
            for column in columns {
                let sql = sqlx::AssertSqlSafe(format!(
                    "SELECT COUNT(*) FROM \"{table}\"
                     WHERE instr(CAST(\"{column}\" AS BLOB), CAST(? AS BLOB)) > 0"
                ));
                let plain = sqlx::query_scalar(sql).bind(PLANTED);
                let plain: i64 = plain.fetch_one(&mut self.clock).await.unwrap();
                assert_eq!(plain, 0, "{table}.{column} has the secret in plain text");
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
