//! The journal of writes to `/credentials`.

use super::*;

fn intent(id: &str, existed: Option<bool>) -> Intent {
    Intent {
        id: id.to_owned(),
        method: "POST".to_owned(),
        account: "ä".to_owned(),
        body_fields: "name,type".to_owned(),
        body_sha256: "ab".to_owned(),
        definition: existed.map(|_| r#"{"kubeconfigFile": "encryptedFile:k8s!n:a"}"#.to_owned()),
        existed,
        accepted: false,
        who: "anna".to_owned(),
        request_id: existed.map(|_| format!("request-{id}")),
        opened_at: 0,
    }
}

#[tokio::test]
async fn intents_are_open_until_they_are_closed_also_for_the_next_core() {
    let base = Base::open(DATABASE).await;
    assert!(base.store.open_intents().await.unwrap().0.is_empty());
    let all = [
        intent("3", Some(true)),
        intent("1", None),
        intent("2", Some(false)),
    ];
    for intent in &all {
        base.store.open_intent(intent).await.unwrap();
    }
    let accepted = |intent: &Intent| Intent {
        accepted: true,
        ..intent.clone()
    };
    base.store.renew_intent(&accepted(&all[2])).await.unwrap();
    let base = base.reopen().await;
    let (open, now) = base.store.open_intents().await.unwrap();
    let mut expected = [all[1].clone(), all[2].clone(), all[0].clone()];
    expected[1].accepted = true;
    for (open, expected) in open.iter().zip(&mut expected) {
        assert!(
            (now - 60_000..=now).contains(&open.opened_at),
            "the database's clock"
        );
        expected.opened_at = open.opened_at;
    }
    assert_eq!(open, expected, "oldest first");
    base.store.close_intent(&all[2]).await.unwrap();
    let open = base.store.open_intents().await.unwrap().0;
    assert_eq!(open.len(), 3, "it was accepted after it was read");
    let taken = accepted(&all[2]);
    for _ in 0..2 {
        base.store.close_intent(&taken).await.unwrap();
    }
    let (open, _) = base.store.open_intents().await.unwrap();
    let ids: Vec<&str> = open.iter().map(|intent| intent.id.as_str()).collect();
    assert_eq!(ids, ["1", "3"]);
}

#[tokio::test]
async fn an_intent_that_is_there_stays() {
    let base = Base::open(DATABASE).await;
    base.store.open_intent(&intent("1", None)).await.unwrap();
    let again = intent("1", Some(true));
    base.store.open_intent(&again).await.unwrap();
    let (open, _) = base.store.open_intents().await.unwrap();
    assert_eq!((open.len(), open[0].existed), (1, None));
}

#[tokio::test]
async fn an_intent_that_was_closed_meanwhile_is_open_again_since_it_was_opened() {
    let base = Base::open(DATABASE).await;
    let mut write = intent("1", Some(true));
    write.opened_at = base.store.open_intent(&write).await.unwrap();
    base.store.close_intent(&write).await.unwrap();
    write.accepted = true;
    base.store.renew_intent(&write).await.unwrap();
    let (open, _) = base.store.open_intents().await.unwrap();
    assert_eq!(open, [write.clone()]);
    base.run("UPDATE kubesvc_ferry_intents SET opened_at = 1")
        .await;
    write.opened_at = 0;
    base.store.renew_intent(&write).await.unwrap();
    let (open, now) = base.store.open_intents().await.unwrap();
    assert_eq!(open.len(), 1);
    assert!((now - 60_000..=now).contains(&open[0].opened_at));
}

#[tokio::test]
async fn a_row_that_ended_while_an_intent_was_open_is_seen() {
    let base = Base::open(DATABASE).await;
    let audit = |id: &str, at: i64| {
        format!(
            "INSERT INTO kubesvc_ferry_audit (id, account, from_status, to_status, event, who, at)
             VALUES ('{id}', 'ä', 'INACTIVE', NULL, 'Delete', 'anna', {at})"
        )
    };
    let intent = intent("1", Some(true));
    base.run(&audit("before", 1)).await;
    base.store.open_intent(&intent).await.unwrap();
    assert!(!base.store.ended_since(&intent).await.unwrap());
    base.run(&audit("after", i64::MAX)).await;
    assert!(base.store.ended_since(&intent).await.unwrap());
    base.run("INSERT INTO kubesvc_ferry_tombstones (name, who, laid_at) VALUES ('ä', 'anna', 1)")
        .await;
    assert!(!base.store.ended_since(&intent).await.unwrap());
}
