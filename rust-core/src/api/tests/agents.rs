//! Agents, cores, and what is asked of agents.

use super::*;
use crate::hub::AgentEvent;
use crate::store::{Namespaces, Report};

#[tokio::test]
async fn one_agent_and_what_it_is_asked() {
    let desk = Desk::with(&["a"]).await;
    desk.agent("pod/1", "Z", &["a"], &[]).await;
    let all = desk.get("/armory/agents").await.json();
    let one = desk.get("/armory/agents/pod%2F1").await;
    assert_eq!(one.status, StatusCode::OK);
    assert_eq!(one.json(), all[0]);
    assert_eq!(one.json()["agentVersion"], "1");
    let other = desk.get("/armory/agents/pod").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    assert!(other.message().contains("(id: pod)"), "{}", other.text);

    let path = "/armory/agent/pod%2F1/disconnect";
    let body = json!({"clusterDriven": true, "origin": "ui", "timestamp": 1});
    assert_eq!(
        desk.ask("POST", path, body).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(
        desk.ask("POST", path, Value::Null).await.status,
        StatusCode::ACCEPTED
    );
    let asked = desk.api.store.evictions().await.unwrap();
    assert_eq!(asked, [("pod/1".to_owned(), "session of pod/1".to_owned())]);
    desk.api.store.forget_evictions().await.unwrap();
    assert_eq!(
        desk.api.store.evictions().await.unwrap().len(),
        1,
        "it is still connected"
    );
    desk.api
        .store
        .leave("pod/1", "session of pod/1")
        .await
        .unwrap();
    desk.api.store.forget_evictions().await.unwrap();
    assert_eq!(desk.api.store.evictions().await.unwrap(), []);
    assert_eq!(
        desk.ask("POST", path, Value::Null).await.status,
        StatusCode::NOT_FOUND
    );
    let wrong = desk.ask("POST", path, json!({"origin": 1})).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.message().contains("origin: "), "{}", wrong.text);
}

#[tokio::test]
async fn assignments_name_accounts_that_are_there() {
    let desk = Desk::with(&["a"]).await;
    desk.agent("agent", "Z", &[], &[("own", json!({}))]).await;
    let path = "/armory/agent/assignments";
    let good = desk.ask("POST", path, json!(["a", "own"])).await;
    assert_eq!(good.status, StatusCode::ACCEPTED, "{}", good.text);
    let some = desk
        .ask("POST", path, json!(["a", "nobody", "no\u{0}body"]))
        .await;
    assert_eq!(some.status, StatusCode::BAD_REQUEST);
    let names: Vec<String> = some.accounts().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["nobody", "no\u{0}body"]);
}

#[tokio::test]
async fn an_account_that_is_assigned_comes_to_an_agent_that_caches() {
    let desk = Desk::with(&["a"]).await;
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    assert_eq!(desk.ask("PATCH", "/armory/accounts", on).await.status, 202);
    let lifecycle = &desk.api.lifecycle;
    lifecycle.take_steps().await;
    // Nobody has heard of it so far.
    desk.agent("agent", "Z", &[], &[]).await;
    lifecycle.take_steps().await;
    assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
    let path = "/armory/agent/assignments";
    assert_eq!(desk.ask("POST", path, json!(["a"])).await.status, 202);
    lifecycle.take_steps().await;
    let view = desk.api.store.view("a").await.unwrap().unwrap();
    assert_eq!(view.account.status, Status::Activating);
    let report = Report {
        agent_id: "agent".to_owned(),
        session_id: "session of agent".to_owned(),
        held: super::ready("a", view.account.generation),
    };
    let reported = AgentEvent::Reported(report, None);
    lifecycle.hear(vec![reported]).await;
    lifecycle.take_steps().await;
    let account = desk.get("/armory/accounts/a").await.json();
    assert_eq!(account["status"], "ACTIVE", "{account}");
    let caching = json!([{"agentId": "agent", "caching": true}]);
    assert_eq!(account["agents"], caching);
}

#[tokio::test]
async fn what_replicas_of_the_original_say_is_not_understood() {
    let desk = Desk::open().await;
    for path in [
        "operations",
        "operationresults",
        "operations/database?dynamicAccountOps=true",
    ] {
        let answer = desk
            .ask("POST", &format!("/armory/agent/{path}"), json!({}))
            .await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{path}");
        assert!(answer.message().contains("unpublished"), "{}", answer.text);
    }
}

#[tokio::test]
async fn cores_and_their_connections() {
    let desk = Desk::open().await;
    assert_eq!(desk.get("/armory/clouddrivers").await.json(), json!([]));
    let limits = Limits {
        transition: Duration::from_secs(60),
        retry: Duration::from_secs(5),
        max_retries: 3,
    };
    desk.api.store.enter("core/1", &limits).await.unwrap();
    let cores = desk.get("/armory/clouddrivers").await.json();
    assert_eq!(
        (&cores[0]["id"], &cores[0]["ready"]),
        (&json!("core/1"), &json!(true))
    );
    let one = desk.get("/armory/clouddrivers/core%2F1").await.json();
    assert_eq!(one, cores[0]);
    let none = desk.get("/armory/clouddrivers/core").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let pools = desk
        .get("/armory/clouddrivers/sql/pool/settings")
        .await
        .json();
    assert_eq!(
        (&pools[0]["name"], &pools[0]["maxConnections"]),
        (&json!("writer"), &json!(1))
    );
}

impl Desk {
    async fn namespaces(&self, name: &str) -> Answer {
        let path = format!("/agents/kubernetes/accounts/{name}/namespaces");
        self.get(&path).await
    }

    /// `agent` of zone Z connects with this account, and sees so many of these namespaces.
    async fn sees(&self, agent: &str, name: &str, own: Option<Value>, names: &[&str], total: u32) {
        let held = Held {
            namespaces: Some(Namespaces {
                names: names.iter().map(|name| (*name).to_owned()).collect(),
                total,
            }),
            ..ready(name, 0)
        };
        let registration = match own {
            None => registration(agent, "Z", vec![held], Vec::new()),
            Some(definition) => {
                let definition = definition.to_string();
                let own = StaticAccount { definition, held };
                registration(agent, "Z", Vec::new(), vec![own])
            }
        };
        self.api.store.register(&registration).await.unwrap();
    }
}

#[tokio::test]
async fn before_anything_was_seen_namespaces_are_those_of_the_definition() {
    let desk = Desk::open().await;
    let two = json!({"namespaces": ["x", "y", "z"], "omitNamespaces": ["z"]});
    desk.source.put("a", two);
    desk.source.put("b", json!({}));
    let both = json!([{"name": "a"}, {"name": "b"}]);
    desk.ask("POST", "/armory/accounts", both).await;
    let a = desk.namespaces("a").await;
    assert_eq!((a.status, a.json()), (StatusCode::OK, json!(["x", "y"])));
    let b = desk.namespaces("b").await;
    assert_eq!((b.status, b.json()), (StatusCode::OK, json!([])));
    assert_eq!(desk.namespaces("c").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn namespaces_are_what_was_seen_of_those_that_the_definition_leaves_by_now() {
    let desk = Desk::open().await;
    let seen = ["x", "y", "z"];
    for (name, definition, shown) in [
        ("all", json!({}), json!(["x", "y", "z"])),
        ("named", json!({"namespaces": ["y", "w"]}), json!(["y"])),
        (
            "omitted",
            json!({"omitNamespaces": ["y"]}),
            json!(["x", "z"]),
        ),
        ("none", json!({"namespaces": ["w"]}), json!(["w"])),
    ] {
        desk.source.put(name, definition.clone());
        let entry = json!([{"name": name}]);
        desk.ask("POST", "/armory/accounts", entry).await;
        desk.sees("agent", name, None, &seen, 3).await;
        let answer = desk.namespaces(name).await;
        assert_eq!(answer.json(), shown, "{name}");
        assert_eq!(answer.headers.get("x-total-count"), None);
        let own = format!("own-{name}");
        desk.sees("other", &own, Some(definition), &seen, 3).await;
        assert_eq!(desk.namespaces(&own).await.json(), shown, "{own}");
    }
}

#[tokio::test]
async fn when_there_are_more_namespaces_than_are_told_it_is_said_how_many() {
    let desk = Desk::open().await;
    desk.sees("agent", "own", Some(json!({})), &["x", "y"], 12_345)
        .await;
    let answer = desk.namespaces("own").await;
    assert_eq!(answer.json(), json!(["x", "y"]));
    assert_eq!(answer.headers["x-total-count"], "12345");
}

#[tokio::test]
async fn an_account_of_an_agents_own_that_does_not_count_is_named_wherever_one_looks() {
    let desk = Desk::open().await;
    desk.agent("first", "Y", &[], &[("own", json!({}))]).await;
    desk.agent(
        "second",
        "Z",
        &[],
        &[("own", json!({})), ("other", json!({}))],
    )
    .await;
    let why = "zone `Y` brought one before; rename one of them";
    let said = |shown: &Value, field: &str| shown[field].as_str().unwrap().ends_with(why);
    let account = desk.get("/armory/accounts/own").await.json();
    assert!(said(&account, "lastAssignmentMsg"), "{account}");
    assert_eq!(
        account["agents"],
        json!([{"agentId": "first", "caching": true}])
    );
    let list = desk.get("/armory/accounts?name=own").await.json();
    assert_eq!(list["items"][0], account);
    let account = desk.get("/agents/kubernetes/accounts/own").await.json();
    assert!(said(&account, "errorMessage"), "{account}");
    assert_eq!(
        (&account["connections"], &account["zoneId"]),
        (&json!(1), &json!("Y"))
    );
    let agents = desk.get("/armory/agents").await.json();
    assert_eq!(agents[0].get("ignoredAccounts"), None);
    assert_eq!(agents[1]["accounts"], json!(["other"]));
    let [ignored] = &agents[1]["ignoredAccounts"].as_array().unwrap()[..] else {
        panic!("{agents}");
    };
    assert!(
        ignored["name"] == "own" && said(ignored, "reason"),
        "{agents}"
    );
    for query in ["?zoneId=Z", "?agentId=second"] {
        let list = desk.get(&format!("/armory/accounts{query}")).await.json();
        assert_eq!(
            (&list["total"], &list["items"][0]["name"]),
            (&json!(1), &json!("other"))
        );
    }
}
