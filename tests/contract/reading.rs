//! GET: the list of accounts, one account in its two shapes, the agents.

use crate::ground::{Place, at_each_door, kubeconfig, server};
use crate::talk::Talk;
use ferry_tests::ferry::PATIENCE;
use ferry_tests::{clouddriver, wait};
use serde_json::json;

at_each_door!(
    pages_of_accounts,
    accounts_by_filter,
    wrong_queries,
    one_account,
    one_account_as_kubesvc,
    an_account_of_an_agent,
    names_of_all_letters,
    the_agents,
    operations_of_an_agent,
);

fn pages_of_accounts(place: &Place) {
    for name in ["page-c", "page-a", "page-b"] {
        place.post(name, "apiVersion: v1");
    }
    let mut talk = Talk::at(place);
    talk.get("/armory/accounts?name=page-&limit=2");
    talk.get("/armory/accounts?name=page-&limit=2&page=2");
    talk.get("/armory/accounts?name=page-&limit=2&page=3");
    talk.get("/armory/accounts?name=page-nobody");
    talk.is("pages_of_accounts");
}

fn accounts_by_filter(place: &Place) {
    place.post("filter-inactive", "apiVersion: v1");
    place.post("filter-active", &kubeconfig());
    let unmigrated = clouddriver::account("filter-unmigrated", "apiVersion: v1");
    assert_eq!(place.post_past_ferry(&unmigrated).status, 200);
    place.switch("filter-active", "ACTIVE", "ACTIVE");
    let mut talk = Talk::at(place);
    for query in [
        "status=ACTIVE",
        "status=INACTIVE",
        "status=DELETE_FAILED",
        "zoneId=zone-a",
        "zoneId=zone-nowhere",
        "source=clouddriver",
        "source=static-agent-config",
        "agentId=agent-a",
        "agentId=agent-a&status=INACTIVE",
    ] {
        talk.get(&format!("/armory/accounts?name=filter-&{query}"));
    }
    talk.is("accounts_by_filter");
}

fn wrong_queries(place: &Place) {
    let mut talk = Talk::at(place);
    for query in [
        "page=0",
        "page=-1",
        "page=one",
        "limit=0",
        "limit=1001",
        "limit=",
        "status=SLEEPING",
        "source=elsewhere",
        "lmit=1",
        "page=1&page=2",
    ] {
        talk.get(&format!("/armory/accounts?{query}"));
    }
    talk.get("/armory/accounts/anybody?page=1");
    talk.is("wrong_queries");
}

fn one_account(place: &Place) {
    let unmigrated = json!({
        "type": "kubernetes", "name": "one-unmigrated", "kubeconfigContents": "apiVersion: v1",
        "namespaces": ["default"], "permissions": {"READ": ["dev"], "WRITE": ["ops"]},
    });
    assert_eq!(place.post_past_ferry(&unmigrated).status, 200);
    place.post("one-inactive", "apiVersion: v1");
    let mut talk = Talk::at(place);
    talk.get("/armory/accounts/one-unmigrated");
    talk.get("/armory/accounts/one-inactive");
    talk.get("/armory/accounts/one-unknown");
    talk.is("one_account");
}

fn one_account_as_kubesvc(place: &Place) {
    let unmigrated = clouddriver::account("kubesvc-unmigrated", "apiVersion: v1");
    assert_eq!(place.post_past_ferry(&unmigrated).status, 200);
    place.put(&json!({
        "type": "kubernetes", "name": "kubesvc-inactive", "kubeconfigContents": "apiVersion: v1",
        "permissions": {"READ": ["dev"], "WRITE": ["ops"]},
    }));
    let mut talk = Talk::at(place);
    talk.get("/agents/kubernetes/accounts/kubesvc-inactive");
    talk.get("/agents/kubernetes/accounts/kubesvc-unmigrated");
    talk.get("/agents/kubernetes/accounts/kubesvc-unknown");
    talk.is("one_account_as_kubesvc");
}

fn an_account_of_an_agent(place: &Place) {
    let ready = wait::until(PATIENCE, || {
        let path = "/agents/kubernetes/accounts/on-premises";
        let account = place.request("GET", path, None)?.json();
        match account["connections"] == 1 {
            true => Ok(()),
            false => Err(account.to_string()),
        }
    });
    ready.unwrap();
    let mut talk = Talk::at(place);
    talk.hide(server(), "server");
    talk.hide(&place.file_of_its_own_account(), "file");
    talk.get("/armory/accounts/on-premises");
    talk.get("/agents/kubernetes/accounts/on-premises");
    talk.get("/armory/accounts?name=on-prem&source=static-agent-config");
    let entry = json!([{"name": "on-premises"}]);
    talk.ask("POST", "/armory/accounts", &entry);
    let entry = json!([{"name": "on-premises", "state": "ACTIVE"}]);
    talk.ask("PATCH", "/armory/accounts", &entry);
    talk.ask("DELETE", "/armory/accounts", &json!(["on-premises"]));
    talk.is("an_account_of_an_agent");
}

fn names_of_all_letters(place: &Place) {
    for name in ["letters ü+&=?#", "letters-日本"] {
        place.post(name, "apiVersion: v1");
    }
    let mut talk = Talk::at(place);
    talk.get("/armory/accounts/letters%20%C3%BC+%26%3D%3F%23");
    talk.get("/agents/kubernetes/accounts/letters-%E6%97%A5%E6%9C%AC");
    talk.get("/armory/accounts?name=letters+%C3%BC");
    talk.ask(
        "DELETE",
        "/armory/accounts/letters%20%C3%BC%2B%26=%3F%23",
        &json!(null),
    );
    talk.get("/armory/accounts?name=letters&status=INACTIVE");
    talk.is("names_of_all_letters");
}

fn the_agents(place: &Place) {
    let mut agent = place.agent("agent-read", "zone-read");
    agent.start(&[]);
    place.connected("agent-read");
    let mut answer = place.send("GET", "/armory/agents", &[], "");
    // Those of the other cases come and go.
    let mut agents = answer.json();
    let agents = agents.as_array_mut().unwrap();
    agents.retain(|agent| agent["agentId"] == "agent-read");
    answer.body = json!(agents).to_string();
    let mut talk = Talk::at(place);
    talk.note("GET", "/armory/agents", &[], "", &answer);
    talk.is("the_agents");
    assert_ne!(agents[0]["clouddriverId"], "");
    // 2026-01-02T03:04:05.678Z
    let time = agents[0]["lastConnection"].as_str().unwrap();
    let shape = time.replace(|letter: char| letter.is_ascii_digit(), "0");
    assert_eq!(shape, "0000-00-00T00:00:00.000Z");
}

fn operations_of_an_agent(place: &Place) {
    place.post("operations-1", &kubeconfig());
    place.switch("operations-1", "ACTIVE", "ACTIVE");
    place.switch("operations-1", "INACTIVE", "INACTIVE");
    let path = "/armory/agent/operations?page=1&items=1000";
    let mut answer = place.send("GET", path, &[], "");
    // Those of the other cases come and go.
    let mut operations = answer.json();
    let operations = operations.as_array_mut().unwrap();
    operations.retain(|operation| operation["account"] == "operations-1");
    answer.body = json!(operations).to_string();
    let mut talk = Talk::at(place);
    talk.note("GET", path, &[], "", &answer);
    let id = operations[0]["operationId"].as_str().unwrap();
    talk.hide(id, "operation");
    talk.get(&format!("/armory/agent/operations/{id}"));
    talk.get("/armory/agent/operations/nobodys");
    talk.get("/armory/agent/operations?page=0");
    talk.get("/armory/agent/operations?items=1001");
    talk.is("operations_of_an_agent");
}
