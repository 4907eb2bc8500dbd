//! GET /armory/accounts and /armory/agents.

use super::*;

impl Desk {
    async fn names(&self, query: &str) -> Vec<String> {
        let answer = self.get(&format!("/armory/accounts{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let body = answer.json();
        let items = body["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Names whose order tells bytes from letters: `B` < `a` < `a b` < `a-` < `ä`.
async fn mixed() -> Desk {
    let desk = Desk::with(&["a b", "B", "ä"]).await;
    desk.source.put("a", json!({"kubeconfigContents": TOKEN}));
    desk.source.put("z", json!({}));
    desk.agent(
        "agent",
        "Z",
        &["B"],
        &[("a-", json!({"kubeconfigFile": "/k"}))],
    )
    .await;
    let on = json!([{"name": "ä", "state": "ACTIVE", "zoneId": "Y"}]);
    desk.ask("PATCH", "/armory/accounts", on).await;
    desk
}

#[tokio::test]
async fn all_there_are_come_once_in_byte_order() {
    let desk = mixed().await;
    assert_eq!(desk.names("").await, ["B", "a", "a b", "a-", "z", "ä"]);
    let body = desk.get("/armory/accounts").await.json();
    let facts: Vec<(&str, Option<&str>)> = (body["items"].as_array().unwrap().iter())
        .map(|item| (item["source"].as_str().unwrap(), item["status"].as_str()))
        .collect();
    let expected = [
        ("clouddriver", Some("INACTIVE")),
        ("clouddriver", None),
        ("clouddriver", Some("INACTIVE")),
        ("static-agent-config", None),
        ("clouddriver", None),
        ("clouddriver", Some("TO_MIGRATE")),
    ];
    assert_eq!(facts, expected);
    assert_eq!(
        (&body["page"], &body["limit"], &body["total"]),
        (&json!(1), &json!(100), &json!(6))
    );
    assert_eq!(body.get("warnings"), None);
}

#[tokio::test]
async fn pages_follow_one_another_without_gap() {
    let desk = mixed().await;
    assert_eq!(desk.names("?limit=4").await, ["B", "a", "a b", "a-"]);
    assert_eq!(desk.names("?limit=4&page=2").await, ["z", "ä"]);
    let beyond = desk.get("/armory/accounts?limit=4&page=3").await.json();
    assert_eq!(
        (&beyond["items"], &beyond["total"]),
        (&json!([]), &json!(6))
    );
    assert_eq!(
        desk.names("?page=9223372036854775807&limit=1000").await,
        [""; 0]
    );
}

#[tokio::test]
async fn a_first_page_has_what_clouddriver_has_now() {
    let desk = Desk::open().await;
    desk.source.put("a", json!({}));
    assert_eq!(desk.names("").await, ["a"]);
    desk.source.put("b", json!({}));
    assert_eq!(desk.names("").await, ["a", "b"]);
}

#[tokio::test]
async fn filters_narrow() {
    let desk = mixed().await;
    assert_eq!(desk.names("?status=TO_MIGRATE").await, ["ä"]);
    assert_eq!(desk.names("?status=INACTIVE").await, ["B", "a b"]);
    assert_eq!(desk.names("?zoneId=Y").await, ["ä"]);
    assert_eq!(desk.names("?zoneId=Z").await, ["a-"]);
    assert_eq!(desk.names("?source=static-agent-config").await, ["a-"]);
    assert_eq!(
        desk.names("?source=clouddriver").await,
        ["B", "a", "a b", "z", "ä"]
    );
    assert_eq!(desk.names("?agentId=agent").await, ["B", "a-"]);
    assert_eq!(desk.names("?agentId=other").await, [""; 0]);
    assert_eq!(desk.names("?name=a").await, ["a", "a b", "a-"]);
    assert_eq!(desk.names("?name=a%20b").await, ["a b"]);
    assert_eq!(desk.names("?name=a+b").await, ["a b"]);
    assert_eq!(desk.names("?name=%C3%A4&status=TO_MIGRATE").await, ["ä"]);
    assert_eq!(desk.names("?name=%25").await, [""; 0], "no wildcard");
}

#[tokio::test]
async fn an_account_of_two_origins_is_listed_as_the_agents() {
    let desk = Desk::with(&["a"]).await;
    desk.agent("agent", "Z", &[], &[("a", json!({}))]).await;
    let body = desk.get("/armory/accounts").await.json();
    assert_eq!(body["total"], 1);
    assert_eq!(body["items"][0]["source"], "static-agent-config");
    assert_eq!(desk.names("?source=static-agent-config").await, ["a"]);
    assert_eq!(desk.names("?source=clouddriver").await, [""; 0]);
    assert_eq!(desk.names("?status=INACTIVE").await, [""; 0]);
}

#[tokio::test]
async fn agents_are_listed_while_they_are_connected() {
    let desk = Desk::with(&["a", "b"]).await;
    assert_eq!(desk.get("/armory/agents").await.json(), json!([]));
    desk.agent("two", "Z", &["a", "b"], &[]).await;
    desk.agent("one", "Z", &["b"], &[("own", json!({}))]).await;
    desk.agent("none", "Y", &[], &[]).await;
    let mut agents = desk.get("/armory/agents").await.json();
    for agent in agents.as_array_mut().unwrap() {
        let last = agent
            .as_object_mut()
            .unwrap()
            .remove("lastConnection")
            .unwrap();
        let last = last.as_str().unwrap();
        assert!(last.len() == 24 && last.ends_with('Z'), "{last}");
    }
    let row = |id: &str, zone: &str, accounts: &[&str], caching: bool| {
        json!({
            "agentId": id, "agentVersion": "1", "zoneId": zone, "accounts": accounts, "caching": caching,
            "clouddriverId": "core", "type": "kubernetes",
        })
    };
    let expected = json!([
        row("none", "Y", &[], false),
        row("one", "Z", &["b", "own"], true),
        row("two", "Z", &["a", "b"], true),
    ]);
    assert_eq!(agents, expected);
    desk.api.store.leave("two", "session of two").await.unwrap();
    let agents = desk.get("/armory/agents").await.json();
    assert_eq!(agents.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_plugin_reads_all_names_and_then_the_items_of_some() {
    let desk = mixed().await;
    let all = desk
        .get("/ferry/accounts/names?limit=2&page=9")
        .await
        .json();
    assert_eq!(all["names"], json!(["B", "a", "a b", "a-", "z", "ä"]));
    assert_eq!((&all["page"], &all["limit"]), (&json!(9), &json!(2)));
    assert_eq!(all["more"], json!(false));
    let rest = desk.get("/ferry/accounts/names?after=a-").await.json();
    assert_eq!(rest["names"], json!(["z", "ä"]));
    let some = desk.get("/ferry/accounts/names?zoneId=Z").await.json();
    assert_eq!(some["names"], json!(["a-"]));
    assert_eq!(desk.get("/ferry/accounts/names?page=0").await.status, 400);

    let asked = json!(["z", "gone", "B", "a-"]);
    let items = desk.ask("POST", "/ferry/accounts/items", asked).await;
    let list = desk.get("/armory/accounts").await.json();
    let of = |name: &str| {
        let items = list["items"].as_array().unwrap();
        let found = items.iter().find(|item| item["name"] == name);
        found.unwrap().clone()
    };
    assert_eq!(items.json(), json!([of("z"), of("B"), of("a-")]));
}

#[tokio::test]
async fn a_page_is_a_whole_number_that_the_document_allows() {
    let desk = Desk::open().await;
    for page in ["0", "-1", "1.5", "9223372036854775808"] {
        let answer = desk.get(&format!("/armory/accounts?page={page}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{page}");
        assert!(
            answer.message().contains(&format!("page=`{page}`")),
            "{}",
            answer.text
        );
    }
}
