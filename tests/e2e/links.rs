//! What lies between agents and the rest, and comes and goes: a proxy, a firewall that ends idle
//! connections, a cluster that a second agent does not reach yet, an agent that is restarted.

use crate::ground::{PATIENCE, Pair, QUICK, fresh, ground};
use crate::tls::{alone, becomes, own_address};
use ferry_tests::place::free_port;
use ferry_tests::{Agent, Process, Relay, Sidecar, http, wait};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// An agent, not started; `link`: keys of `clouddriver`.
fn agent(folder: &Path, id: &str, zone: &str, grpc: &str, link: &str, more: &str) -> Agent {
    let agent = Agent::new(folder, id, zone, grpc, "");
    let port = agent.url.rsplit(':').next().unwrap();
    let config = format!(
        "clouddriver: {{grpc: '{grpc}', backoff: {{baseDelay: 100000000, maxDelay: 300000000}}, {link}}}\n\
         zoneId: {zone}\nserver: {{host: 127.0.0.1, port: {port}}}\n{more}\n"
    );
    std::fs::write(folder.join("armory-agent.yml"), config).unwrap();
    agent
}

/// Waits until an account of an agent's own has failed; answers why.
fn failure(agent: &Agent) -> String {
    let failed = wait::until(PATIENCE, || {
        let answer = http::get(&format!("{}/accounts", agent.url))?;
        let accounts = answer.json();
        match accounts[0]["state"] == "FAILED" {
            true => Ok(accounts[0]["cause"].as_str().unwrap_or_default().to_owned()),
            false => Err(answer.body),
        }
    });
    failed.unwrap()
}

#[test]
fn core_and_clusters_are_reached_through_an_http_proxy() {
    let (_, folder) = fresh();
    std::fs::create_dir_all(&folder).unwrap();
    let (port, log) = (free_port(), folder.join("proxy.log"));
    let config = format!(
        "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 600\nMaxClients 50\n\
         BasicAuth user secret\nLogLevel Connect\nLogFile \"{}\"\n",
        log.display()
    );
    std::fs::write(folder.join("proxy.conf"), config).unwrap();
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(folder.join("proxy.conf"));
    let _proxy = Process::spawn(&mut command, &folder.join("proxy.out"));
    let settings = "kubesvc.grpc: {allowPlaintext: true, server.address: '*'}\n";
    let sidecar = alone(&folder, settings);
    let own = own_address();
    let grpc = format!("{own}:{}", sidecar.grpc.rsplit(':').next().unwrap());
    // Nobody listens there: who is asked first says so.
    let kubeconfig = folder.join("kubeconfig");
    let server = format!("https://{own}:{}", free_port());
    std::fs::write(&kubeconfig, crate::ground::kubeconfig_of(&server)).unwrap();
    let accounts = |more: &str| {
        let file = kubeconfig.display();
        format!("kubernetes: {{{more} accounts: [{{name: a, kubeconfigFile: {file}}}]}}")
    };
    let start = |id: &str, password: &str, more: &str| {
        let mut agent = agent(&folder.join(id), id, "zone-a", &grpc, "", more);
        let proxy = format!("http://user:{password}@127.0.0.1:{port}");
        agent.start(&[("HTTPS_PROXY", &proxy), ("NO_PROXY", "")]);
        agent
    };
    let through = start("through", "secret", &accounts(""));
    becomes(&through, None);
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains(&format!("CONNECT {grpc}")), "{said}");
    let cause = failure(&through);
    assert!(cause.contains("proxy of HTTPS_PROXY"), "{cause}");
    let straight = start("straight", "secret", &accounts("noProxy: true,"));
    becomes(&straight, None);
    let cause = failure(&straight);
    assert!(cause.contains("refuses connections"), "{cause}");
    let stranger = start("stranger", "wrong", "");
    becomes(&stranger, Some("the proxy of HTTPS_PROXY"));
}

#[test]
fn without_heartbeats_pings_keep_a_connection_that_is_ended_when_idle() {
    let (name, folder) = fresh();
    let settings = "kubesvc: {heartbeat: {enabled: false}}\n";
    let mut sidecar = Sidecar::new(&folder, &ground().clouddriver.url, settings);
    sidecar.start(&[]).unwrap();
    let idle = Some(Duration::from_secs(2));
    let relays = [(); 2].map(|()| Relay::start(&sidecar.grpc, idle));
    let start = |at: usize, zone: &str, seconds: u32| {
        let link = format!("keepAliveHeartbeatSeconds: {seconds}");
        let grpc = relays[at].address.to_string();
        let id = format!("{name}-{zone}");
        let mut agent = agent(&folder.join(zone), &id, zone, &grpc, &link, "");
        agent.start(&[]);
        agent
    };
    let pinging = start(0, "pinging", 1);
    let silent = start(1, "silent", 0);
    becomes(&pinging, None);
    becomes(&silent, None);
    let account = ferry_tests::clouddriver::account(&name, &ground().kubeconfig);
    let posted = sidecar.request("POST", "/credentials", Some(&account));
    assert_eq!(posted.unwrap().status, 200);
    let body = serde_json::json!([{"name": name, "state": "ACTIVE", "zoneId": "silent"}]);
    let patched = sidecar.request("PATCH", "/armory/accounts", Some(&body));
    assert_eq!(patched.unwrap().status, 202);
    sidecar.reaches(&name, "ACTIVE");
    let before = relays[1].taken();
    let ended = wait::until(PATIENCE, || {
        // However often its connection is ended, it serves on.
        assert_eq!(sidecar.account(&name)?["status"], "ACTIVE");
        match relays[1].taken() - before {
            3.. => Ok(()),
            times => Err(format!("{times} connections more")),
        }
    });
    ended.unwrap();
    assert_eq!(relays[0].taken(), 1, "pings keep it");
    becomes(&pinging, None);
}

#[test]
fn a_second_agent_that_failed_is_ready_when_the_first_leaves() {
    let mut pair = Pair::start(QUICK);
    let server = ground().kubeconfig.lines();
    let server = server.filter_map(|line| line.split_once("server: https://"));
    let server = server
        .map(|(_, server)| server.trim().to_owned())
        .next()
        .unwrap();
    let relay = Relay::start(&server, None);
    let kubeconfig = ground()
        .kubeconfig
        .replace(&server, &relay.address.to_string());
    let account = pair.post("two", &kubeconfig);
    pair.patch(&account, "ACTIVE");
    pair.reaches(&account, "ACTIVE");

    relay.takes(false);
    let second = format!("agent-{}-second", pair.name);
    let folder = pair.sidecar.folder().join("second");
    let mut other = Agent::new(&folder, &second, "zone-a", &pair.sidecar.grpc, "");
    other.start(&[]);
    let served = |what: &str, fits: &dyn Fn(&serde_json::Value) -> bool| {
        let reached = wait::until(PATIENCE, || {
            let shown = pair.account(&account)?;
            assert_eq!(shown["status"], "ACTIVE", "{shown}");
            fits(&shown).then_some(()).ok_or_else(|| shown.to_string())
        });
        reached.unwrap_or_else(|error| panic!("{what}: {error}"));
    };
    let failed = |shown: &serde_json::Value| {
        let message = shown["errorMessage"].as_str().unwrap_or_default();
        message.contains(&second)
    };
    served("the second fails", &failed);
    relay.takes(true);
    served("both are ready", &|shown| shown["connections"] == 2);

    pair.agent.process().kill();
    let taken = wait::until(PATIENCE, || {
        let path = format!("/armory/accounts/{account}");
        let shown = pair.sidecar.request("GET", &path, None)?.json();
        assert_eq!(shown["status"], "ACTIVE", "{shown}");
        let agents = shown["agents"].as_array().cloned().unwrap_or_default();
        let caching = agents.iter().find(|agent| agent["caching"] == true);
        match caching.is_some_and(|agent| agent["agentId"] == second.as_str()) {
            true => Ok(()),
            false => Err(shown.to_string()),
        }
    });
    taken.unwrap();
}

#[test]
fn an_agent_that_is_restarted_while_nothing_happens_has_its_accounts_again() {
    let mut pair = Pair::start(QUICK);
    let active = pair.post("active", &ground().kubeconfig);
    let inactive = pair.post("inactive", &ground().kubeconfig);
    pair.patch(&active, "ACTIVE");
    pair.reaches(&active, "ACTIVE");
    for _ in 0..2 {
        pair.agent.process().kill();
        pair.agent.start(&[]);
        let back = wait::until(PATIENCE, || {
            assert_eq!(pair.account(&active)?["status"], "ACTIVE");
            let held = http::get(&format!("{}/accounts", pair.agent.url))?.json();
            let held = held.as_array().cloned().unwrap_or_default();
            let names: Vec<_> = held.iter().map(|held| &held["name"]).collect();
            assert!(!names.iter().any(|held| *held == inactive.as_str()));
            match held.iter().any(|held| held["state"] == "READY") {
                true => Ok(()),
                false => Err(format!("{held:?}")),
            }
        });
        back.unwrap();
    }
    assert_eq!(pair.account(&inactive).unwrap()["status"], "INACTIVE");
}
