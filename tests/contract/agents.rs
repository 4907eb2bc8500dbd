//! Agents, cores and their databases: who is there, and what may be asked of them.

use crate::ground::{Place, at_each_door, kubeconfig};
use crate::talk::Talk;
use ferry_tests::ferry::PATIENCE;
use ferry_tests::wait;
use serde_json::{Value, json};

at_each_door!(
    one_agent,
    an_agent_is_disconnected,
    accounts_are_assigned,
    messages_between_replicas,
    the_cores,
    pools_of_the_database,
    namespaces_of_accounts,
);

/// An agent of a zone of its own, which has this account.
fn with_account(place: &Place, id: &str, zone: &str, account: &str) -> ferry_tests::Agent {
    let mut agent = place.agent(id, zone);
    agent.start(&[]);
    place.connected(id);
    place.post(account, &kubeconfig());
    let entry = json!([{"name": account, "state": "ACTIVE", "zoneId": zone}]);
    let answer = place.request("PATCH", "/armory/accounts", Some(&entry));
    assert_eq!(answer.unwrap().status, 202);
    place.reaches(account, "ACTIVE");
    agent
}

fn one_agent(place: &Place) {
    let _agent = with_account(place, "agent-one", "zone-one", "of-agent-one");
    let mut talk = Talk::at(place);
    talk.get("/armory/agents/agent-one");
    talk.get("/armory/agents/agent-unknown");
    talk.is("one_agent");
}

fn an_agent_is_disconnected(place: &Place) {
    const AGENT: &str = "/armory/agents/agent-leaves";
    const PATH: &str = "/armory/agent/agent-leaves/disconnect";
    let _agent = with_account(place, "agent-leaves", "zone-leaves", "of-agent-leaves");
    let connected = || {
        let agent = place.request("GET", AGENT, None)?.json();
        Ok::<Value, String>(agent["lastConnection"].clone())
    };
    let mut talk = Talk::at(place);
    for body in [
        json!({"clusterDriven": true, "origin": "a person", "timestamp": 1_700_000_000_000_i64}),
        json!(null),
    ] {
        let before = connected().unwrap();
        talk.ask("POST", PATH, &body);
        // It comes back by itself.
        let back = wait::until(PATIENCE, || match connected()? {
            Value::Null => Err("it is away".to_owned()),
            same if same == before => Err("it has not left".to_owned()),
            _ => Ok(()),
        });
        back.unwrap();
    }
    place.reaches("of-agent-leaves", "ACTIVE");
    talk.get(AGENT);
    talk.ask("POST", PATH, &json!({"origin": 1}));
    talk.ask("POST", PATH, &json!({"reason": "a person"}));
    talk.ask("POST", PATH, &json!([]));
    talk.ask("POST", "/armory/agent/agent-unknown/disconnect", &json!({}));
    talk.is("an_agent_is_disconnected");
}

fn accounts_are_assigned(place: &Place) {
    const PATH: &str = "/armory/agent/assignments";
    place.post("assigned-1", "apiVersion: v1");
    let mut talk = Talk::at(place);
    talk.ask("POST", PATH, &json!(["assigned-1", "on-premises"]));
    talk.ask("POST", PATH, &json!(["assigned-1", "assigned-unknown"]));
    talk.ask("POST", PATH, &json!([]));
    talk.ask("POST", PATH, &json!([1]));
    talk.ask("POST", PATH, &json!({"name": "assigned-1"}));
    talk.say("POST", PATH, &[], "");
    talk.is("accounts_are_assigned");
}

fn messages_between_replicas(place: &Place) {
    let mut talk = Talk::at(place);
    let operation = json!({"operation": "id: \"01HF\""});
    talk.ask("POST", "/armory/agent/operations", &operation);
    let result = json!({"result": "id: \"01HF\""});
    talk.ask("POST", "/armory/agent/operationresults", &result);
    let database = "/armory/agent/operations/database?dynamicAccountOps=true";
    talk.ask("POST", database, &json!(null));
    talk.is("messages_between_replicas");
}

fn the_cores(place: &Place) {
    let mut talk = Talk::at(place);
    let cores = place.send("GET", "/armory/clouddrivers", &[], "");
    let core = cores.json()[0]["id"].as_str().unwrap().to_owned();
    talk.hide(&core, "core");
    talk.get("/armory/clouddrivers");
    talk.get(&format!("/armory/clouddrivers/{core}"));
    talk.get("/armory/clouddrivers/core-unknown");
    talk.is("the_cores");
    // The agents name the same.
    let agent = place.request("GET", "/armory/agents/agent-a", None);
    assert_eq!(agent.unwrap().json()["clouddriverId"], core);
}

fn pools_of_the_database(place: &Place) {
    const PATH: &str = "/armory/clouddrivers/sql/pool/settings";
    let mut answer = place.send("GET", PATH, &[], "");
    let mut pools = answer.json();
    let pools = pools.as_array_mut().unwrap();
    let names: Vec<&str> = pools
        .iter()
        .map(|pool| pool["name"].as_str().unwrap())
        .collect();
    let (names_here, database) = match place.name.rsplit_once('_').unwrap().1 {
        "sqlite" => (&["writer", "reader"][..], "sqlite"),
        "mariadb" => (&["default"][..], "mysql"),
        "postgres" => (&["default"][..], "postgresql"),
        other => panic!("{other}"),
    };
    assert_eq!(names, names_here);
    // What is in use, how much there may be and what it is called is each database's own.
    for pool in pools.iter_mut() {
        assert_eq!(pool["database"], database);
        let number = |field: &str| pool[field].as_u64().unwrap();
        let [max, connections, idle] = ["maxConnections", "connections", "idle"].map(number);
        assert!(
            idle <= connections && connections <= max && max > 0,
            "{pool}"
        );
        pool["name"] = json!("«name»");
        pool["database"] = json!("«database»");
        for field in ["maxConnections", "connections", "idle"] {
            pool[field] = json!("«number»");
        }
    }
    pools.dedup();
    answer.body = json!(pools).to_string();
    let mut talk = Talk::at(place);
    talk.note("GET", PATH, &[], "", &answer);
    talk.is("pools_of_the_database");
}

fn namespaces_of_accounts(place: &Place) {
    let of = |name: &str| format!("/agents/kubernetes/accounts/{name}/namespaces");
    place.put(&json!({
        "type": "kubernetes", "name": "namespaces-two", "kubeconfigContents": "apiVersion: v1",
        "namespaces": ["team-a", "team-b"],
    }));
    // The four that every cluster has, once its agent has seen them.
    let seen = wait::until(PATIENCE, || {
        let answer = place.request("GET", &of("on-premises"), None)?;
        match answer.json().as_array().map(Vec::len) {
            Some(4) => Ok(()),
            _ => Err(answer.body),
        }
    });
    seen.unwrap();
    let mut talk = Talk::at(place);
    talk.get(&of("namespaces-two"));
    talk.get(&of("on-premises"));
    talk.get(&of("namespaces-unknown"));
    talk.is("namespaces_of_accounts");
}
