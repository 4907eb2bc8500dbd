//! GET /armory/agent/operations and one of them.

use super::*;
use crate::account::Holding;
use crate::account::step::{Message, Step};
use crate::store::Report;

/// The account is sent to the agent, which says what came of it.
async fn send(desk: &Desk, name: &str, says: Option<HoldingState>) {
    let store = &desk.api.store;
    let view = store.view(name).await.unwrap().unwrap();
    let mut step = Step::same(&view);
    step.holdings.push(Holding {
        agent_id: "agent".to_owned(),
        zone_id: "Z".to_owned(),
        generation: 5,
        state: HoldingState::Pending,
        cause: None,
        cluster: Cluster::default(),
    });
    let agent_id = "agent".to_owned();
    step.messages.push(Message::Save { agent_id });
    let here = [("agent", "session of agent")];
    let ferry = Actor::ferry();
    let written = store.write(&view, &step, &here, None, &ferry);
    assert!(written.await.unwrap());
    if says.is_some() {
        let held = Held {
            state: says,
            ..ready(name, 5)
        };
        let report = Report {
            agent_id: "agent".to_owned(),
            session_id: "session of agent".to_owned(),
            held,
        };
        store.report(&[report]).await.unwrap();
    }
}

async fn told() -> Desk {
    let mut desk = Desk::with(&["a", "b", "c"]).await;
    desk.api.store = desk.api.store.of_core("core");
    desk.agent("agent", "Z", &[], &[]).await;
    send(&desk, "a", Some(HoldingState::Ready)).await;
    send(&desk, "b", Some(HoldingState::Failed)).await;
    send(&desk, "c", None).await;
    desk
}

#[tokio::test]
async fn every_field_of_the_record() {
    let desk = told().await;
    let all = desk.get("/armory/agent/operations").await;
    assert_eq!(all.status, StatusCode::OK, "{}", all.text);
    let all = all.json();
    let accounts: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["account"].as_str().unwrap())
        .collect();
    assert_eq!(accounts, ["c", "b", "a"], "the latest first");

    let mut done = all[2].clone();
    let id = done["operationId"].as_str().unwrap().to_owned();
    assert!(ulid::Ulid::from_string(&id).is_ok(), "{id}");
    let one = desk.get(&format!("/armory/agent/operations/{id}")).await;
    assert_eq!((one.status, &one.json()), (StatusCode::OK, &done));
    for time in [
        "/startTime",
        "/endTime",
        "/opReceivedByClouddriver/time",
        "/opProcessedByClouddriver/time",
        "/opSentToAgent/time",
        "/resultReceivedFromAgent/time",
        "/resultReceivedByClouddriver/time",
    ] {
        let time = done.pointer_mut(time).unwrap_or_else(|| panic!("{time}"));
        let parsed: Result<jiff::Timestamp, _> = time.as_str().unwrap().parse();
        assert!(parsed.is_ok(), "{time}");
        *time = json!("time");
    }
    for took in [
        "/totalDurationMs",
        "/resultReceivedFromAgent/result/durationMs",
    ] {
        let took = done.pointer_mut(took).unwrap();
        assert!(took.as_i64().unwrap() >= 0, "{took}");
        *took = json!(0);
    }
    let core = json!({"clouddriverId": "core", "time": "time"});
    let expected = json!({
        "account": "a",
        "operationId": id,
        "operationType": "SaveAccounts",
        "startTime": "time",
        "endTime": "time",
        "totalDurationMs": 0,
        "finalOutcome": "completed",
        "opReceivedByClouddriver": core,
        "opProcessedByClouddriver": core,
        "opSentToAgent": {"agentId": "agent", "time": "time"},
        "resultReceivedByClouddriver": core,
        "resultReceivedFromAgent": {
            "agentId": "agent", "clouddriverId": "core", "time": "time",
            "result": {"status": 200, "durationMs": 0},
        },
    });
    assert_eq!(done, expected);
}

#[tokio::test]
async fn what_failed_and_what_is_under_way() {
    let desk = told().await;
    let all = desk.get("/armory/agent/operations").await.json();
    assert_eq!(all[1]["finalOutcome"], "failed");
    assert_eq!(all[1]["resultReceivedFromAgent"]["result"]["status"], 500);
    for later in [
        "endTime",
        "finalOutcome",
        "totalDurationMs",
        "resultReceivedFromAgent",
    ] {
        assert!(all[0].get(later).is_none(), "{later}: {}", all[0]);
    }
    assert_eq!(all[0]["opSentToAgent"]["agentId"], "agent");
}

#[tokio::test]
async fn pages_and_what_is_not_there() {
    let desk = told().await;
    let all = desk.get("/armory/agent/operations").await.json();
    let second = desk.get("/armory/agent/operations?page=2&items=1").await;
    assert_eq!(second.json(), json!([all[1]]));
    let past = desk
        .get("/armory/agent/operations?page=9223372036854775807")
        .await;
    assert_eq!(past.json(), json!([]));
    for wrong in ["page=0", "items=0", "items=1001", "limit=1", "page=one"] {
        let wrong = desk.get(&format!("/armory/agent/operations?{wrong}")).await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{}", wrong.text);
    }
    let nobody = desk.get("/armory/agent/operations/nobody").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert!(nobody.message().contains("(id: nobody)"), "{}", nobody.text);
}
