//! GET /armory/accounts/{name}/audit and /armory/audit.

use super::*;

async fn moved() -> Desk {
    let desk = Desk::with(&["a", "b"]).await;
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    desk.ask("PATCH", "/armory/accounts", on).await;
    desk.ask("DELETE", "/armory/accounts", json!(["a"])).await;
    desk
}

#[tokio::test]
async fn an_accounts_way_the_latest_first() {
    let desk = moved().await;
    let page = desk.get("/armory/accounts/a/audit").await.json();
    let rows = page["items"].as_array().unwrap();
    let ways: Vec<(Option<&str>, Option<&str>)> = rows
        .iter()
        .map(|row| (row["from"].as_str(), row["to"].as_str()))
        .collect();
    let last = ways.len() - 1;
    assert_eq!(ways[last], (None, Some("INACTIVE")));
    assert_eq!(ways[last - 1], (Some("INACTIVE"), Some("TO_MIGRATE")));
    assert_eq!(ways[0].0, Some("TO_MIGRATE"));
    assert!(
        rows.iter()
            .all(|row| row["who"] == "anna" && row["account"] == "a")
    );
    assert_eq!(page["total"], json!(rows.len()));

    let first = desk.get("/armory/accounts/a/audit?limit=1&page=2").await;
    assert_eq!(first.json()["items"], json!([rows[1]]));
    let past = desk
        .get("/armory/accounts/a/audit?page=9223372036854775807")
        .await;
    assert_eq!(past.json()["items"], json!([]));
    let nobody = desk.get("/armory/accounts/nobody/audit").await.json();
    assert_eq!(nobody["total"], json!(0));
    let wrong = desk.get("/armory/accounts/a/audit?limit=1001").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn all_of_it_line_by_line() {
    let desk = moved().await;
    let lines = async |query: &str| {
        let answer = desk.get(&format!("/armory/audit{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        let lines = answer
            .text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    // Another core may be about to write an earlier one.
    assert_eq!(lines("").await.len(), 0);
    assert_eq!(lines("?account=b").await.len(), 1, "its own come in turn");
    let mut tx = desk.api.store.pool().write().await.unwrap();
    let age = "UPDATE kubesvc_ferry_audit SET at = at - 10000";
    crate::sql::sql(age).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let all = lines("").await;
    assert!(all.len() >= 4, "{all:?}");
    let first = all[0]["id"].as_str().unwrap();
    assert_eq!(lines("?limit=1").await, all[..1]);
    assert_eq!(lines(&format!("?after={first}")).await, all[1..]);
    let of_b = lines("?account=b").await;
    assert_eq!(of_b.len(), 1);
    assert_eq!(of_b[0]["to"], "INACTIVE");
    assert_eq!(lines("?until=1").await.len(), 0);
    assert_eq!(lines("?from=1").await, all);
    let wrong = desk.get("/armory/audit?from=yesterday").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}
