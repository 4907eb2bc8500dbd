//! One account, in the two shapes of the contract.

use super::*;
use std::collections::BTreeSet;

async fn served() -> Desk {
    let desk = Desk::open().await;
    let definition = json!({
        "kubeconfigContents": format!("users: [{{user: {{token: {TOKEN}}}}}]"),
        "permissions": {"READ": ["dev"]}, "oauth": {"clientSecret": TOKEN}, "namespaces": ["n"],
    });
    desk.source.put("a", definition);
    let body = json!([{"name": "a", "zoneId": "Z"}]);
    desk.ask("POST", "/armory/accounts", body).await;
    desk.agent("two", "Z", &["a"], &[]).await;
    desk.agent("one", "Z", &["a"], &[]).await;
    desk
}

#[tokio::test]
async fn a_migrated_account_in_the_usage_shape() {
    let desk = served().await;
    let answer = desk.get("/armory/accounts/a").await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = json!({
        "name": "a", "type": "kubernetes", "source": "clouddriver", "status": "INACTIVE",
        "zoneId": "Z", "lastAssignmentMsg": "",
        "agents": [{"agentId": "one", "caching": true}, {"agentId": "two", "caching": false}],
        "config": {
            "type": "kubernetes", "name": "a", "kubeconfigContents": "[redacted]",
            "permissions": {"READ": ["dev"]}, "oauth": {"clientSecret": "[redacted]"},
            "namespaces": ["n"],
        },
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn an_account_nobody_migrated_has_no_status() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({"kubeconfigContents": TOKEN}));
    let expected = json!({
        "name": "a", "type": "kubernetes", "source": "clouddriver", "agents": [],
        "config": {"type": "kubernetes", "name": "a", "kubeconfigContents": "[redacted]"},
    });
    assert_eq!(desk.get("/armory/accounts/a").await.json(), expected);
    let answer = desk.get("/agents/kubernetes/accounts/a").await;
    assert_eq!(
        answer.status,
        StatusCode::NOT_FOUND,
        "it is none of the agents'"
    );
}

#[tokio::test]
async fn an_agents_own_account_shows_its_zone() {
    let desk = Desk::open().await;
    let definition = json!({"name": "own", "kubeConfigFile": "/k"});
    desk.agent("agent", "Z", &[], &[("own", definition.clone())])
        .await;
    let expected = json!({
        "name": "own", "type": "kubernetes", "source": "static-agent-config", "zoneId": "Z",
        "config": definition, "agents": [{"agentId": "agent", "caching": true}],
        "lastAssignmentMsg": "",
    });
    assert_eq!(desk.get("/armory/accounts/own").await.json(), expected);
    let kubesvc = desk.get("/agents/kubernetes/accounts/own").await.json();
    assert_eq!(
        (&kubesvc["dynamic"], &kubesvc["kubeHost"]),
        (&json!(false), &json!("https://kube"))
    );
    assert_eq!(
        (&kubesvc["connections"], &kubesvc["zoneId"]),
        (&json!(1), &json!("Z"))
    );
}

#[tokio::test]
async fn the_kubesvc_account_has_the_contracts_fields_and_no_other() {
    let desk = served().await;
    let answer = desk.get("/agents/kubernetes/accounts/a").await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    let fields: BTreeSet<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let contract = BTreeSet::from([
        "certFingerprint",
        "connections",
        "def",
        "definition",
        "definitionAsString",
        "dynamic",
        "errorMessage",
        "kubeHost",
        "kubeVersion",
        "lastUpdated",
        "name",
        "permissions",
        "properties",
        "propertiesAsString",
        "props",
        "retryCount",
        "status",
        "zoneId",
    ]);
    // The contract's maxWatchAgeSeconds is optional, and nothing here knows one.
    assert_eq!(fields, contract);
    assert_eq!(body["permissions"], json!({"READ": ["dev"]}));
    assert_eq!(
        (&body["status"], &body["dynamic"]),
        (&json!("INACTIVE"), &json!(true))
    );
    assert_eq!(
        (&body["connections"], &body["retryCount"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(body["definition"]["kubeconfigContents"], "[redacted]");
    for text in ["def", "definitionAsString"] {
        let parsed: Value = serde_json::from_str(body[text].as_str().unwrap()).unwrap();
        assert_eq!(parsed, body["definition"], "{text}");
    }
    assert!(
        body["lastUpdated"].as_i64().unwrap() > 1_500_000_000_000,
        "{body}"
    );
    for text in [
        "errorMessage",
        "kubeHost",
        "kubeVersion",
        "certFingerprint",
        "props",
    ] {
        assert!(body[text].is_string(), "{text}: {body}");
    }
}

#[tokio::test]
async fn an_unknown_account_is_404_or_empty_for_old_clients() {
    let mut desk = Desk::open().await;
    let paths = [
        "/armory/accounts/nobody",
        "/agents/kubernetes/accounts/nobody",
    ];
    for path in paths {
        assert_eq!(desk.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    desk.api.empty_object_for_unknown = true;
    for path in paths {
        let answer = desk.get(path).await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::OK, json!({})),
            "{path}"
        );
    }
}

#[tokio::test]
async fn names_are_percent_decoded() {
    let names = ["a b", "ä", "a/b", "a%b", "100+"];
    let desk = Desk::with(&names).await;
    let encoded = ["a%20b", "%C3%A4", "a%2Fb", "a%25b", "100+"];
    for (name, encoded) in names.iter().zip(encoded) {
        for path in ["/armory/accounts", "/agents/kubernetes/accounts"] {
            let answer = desk.get(&format!("{path}/{encoded}")).await;
            assert_eq!(answer.json()["name"], *name, "{encoded}");
        }
        let path = format!("/armory/accounts/{encoded}");
        let answer = desk.ask("DELETE", &path, Value::Null).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{encoded}");
        assert_eq!(desk.status(name).await, None, "{name}");
    }
}
