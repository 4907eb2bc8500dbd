//! The side ways of the walk, each for the failpoints that lie on it alone.

use super::{Walk, When, scans};
use crate::ground::{PLANTED, ground, kubeconfig_of};
use ferry_tests::{Agent, Cluster, clouddriver, http};
use serde_json::json;
use std::net::TcpListener;

impl Walk {
    /// What only reads: Clouddriver's accounts through the sidecar, and both programs' own pages.
    pub(super) fn look_on(&mut self) -> Result<(), String> {
        self.ask("GET", "/credentials/type/kubernetes", None, &[200])?;
        for page in ["{sidecar}/metrics", "{agent}/accounts"] {
            self.until(|walk| {
                let page = page.replace("{sidecar}", &walk.pair.sidecar.admin);
                let answer = http::get(&page.replace("{agent}", &walk.pair.agent.url))?;
                assert_eq!(answer.status, 200, "{answer:?}");
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The side ways, each for the points that lie on it alone.
    pub(super) fn strays(&mut self) -> Result<(), String> {
        let When::At(point) = self.when else {
            return Ok(());
        };
        match point.rsplit_once('.').map(|(way, _)| way) {
            _ if scans(self.when) => self.scanned(),
            Some("core.send.refuse") => self.refused(),
            Some("agent.report.connecting") => self.saved_twice(),
            Some("agent.report.lost") => self.lost(),
            _ => Ok(()),
        }
    }

    /// Accounts that nobody but the scan brings. One is deleted here; then Clouddriver loses both.
    pub(super) fn scanned(&mut self) -> Result<(), String> {
        let names = ["kept", "deleted"].map(|name| format!("{}-{name}-scan", self.pair.name));
        for name in &names {
            let account = clouddriver::account(name, &ground().kubeconfig);
            assert_eq!(ground().clouddriver.create(&account).status, 200);
        }
        let [kept, deleted] = names;
        self.is_served(&kept)?;
        self.is_served(&deleted)?;
        let body = json!([deleted]);
        self.ask("DELETE", "/armory/accounts", Some(&body), &[202, 400, 409])?;
        self.is_gone(&deleted)?;
        let marks = "SELECT COUNT(*) FROM kubesvc_ferry_tombstones WHERE name = ?";
        assert_eq!(self.count(marks, &deleted), 1);
        for name in [&kept, &deleted] {
            assert_eq!(ground().clouddriver.delete(name).status, 200);
        }
        self.until(|walk| match walk.count(marks, &deleted) {
            0 => Ok(()),
            _ => Err(format!("{deleted} is still marked as deleted")),
        })?;
        self.until(|walk| {
            let account = walk.pair.account(&kept)?;
            let said = account["errorMessage"].as_str().unwrap_or_default();
            match said.contains("Clouddriver has had no account of this name") {
                true => Ok(()),
                false => Err(account.to_string()),
            }
        })?;
        let body = json!([kept]);
        self.ask("DELETE", "/armory/accounts", Some(&body), &[202, 400, 409])?;
        self.is_gone(&kept)
    }

    /// An agent that cannot be taken tries again and again.
    pub(super) fn refused(&mut self) -> Result<(), String> {
        let folder = self.pair.sidecar.folder().join("nowhere");
        let zone = "z".repeat(256);
        let mut agent = Agent::new(&folder, "nowhere", &zone, &self.pair.sidecar.grpc, "");
        agent.start(&[]);
        self.dies()?;
        let said = self.ask("GET", "/armory/agents", None, &[200])?.body;
        assert!(!said.contains("nowhere"), "{said}");
        Ok(())
    }

    /// A message is sent twice when its core could not record the first time, while the agent still
    /// waits for a cluster that says nothing.
    pub(super) fn saved_twice(&mut self) -> Result<(), String> {
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("https://{}", mute.local_addr().unwrap());
        let name = format!("{}-mute", self.pair.name);
        self.create(&name, &kubeconfig_of(&server))?;
        self.patch(&name, "ACTIVE")?;
        self.until(|walk| {
            let unsent = "UPDATE kubesvc_ferry_holdings SET unsent = 1
                 WHERE account = ? AND state = 'PENDING'";
            walk.change(unsent, &name);
            match walk.died {
                true => Ok(()),
                false => Err("it did not die".to_owned()),
            }
        })?;
        self.reaches(&name, "FAILED")?;
        self.delete(&name)
    }

    /// The cluster of an account that is served dies, and comes back.
    pub(super) fn lost(&mut self) -> Result<(), String> {
        let folder = self.pair.sidecar.folder().join("cluster");
        let mut cluster = Cluster::start(&folder, PLANTED);
        let name = format!("{}-lost", self.pair.name);
        self.create(&name, &cluster.kubeconfig("token"))?;
        self.patch(&name, "ACTIVE")?;
        self.reaches(&name, "ACTIVE")?;
        cluster.kill();
        self.dies()?;
        cluster.restart();
        self.is_served(&name)?;
        self.delete(&name)
    }
}
