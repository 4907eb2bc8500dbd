//! Writes with references, on every database.

use super::*;

fn write(id: &str, account: &str, definition: Option<&str>) -> Intent {
    Intent {
        id: id.to_owned(),
        method: "PUT".to_owned(),
        account: account.to_owned(),
        body_fields: format!("fields of {id}"),
        body_sha256: String::new(),
        definition: definition.map(str::to_owned),
        existed: None,
        accepted: true,
        who: "anna".to_owned(),
        request_id: None,
        opened_at: 0,
    }
}

#[tokio::test]
async fn the_write_that_began_last_counts_whichever_is_written_down_last() {
    let base = Base::open(DATABASE).await;
    let store = &base.store;
    let writes = [
        write("1", "ä", Some(r#"{"a": "one"}"#)),
        write("2", "ä", None),
        write("3", "ä", Some(r#"{"a": "three"}"#)),
        write("4", "other", Some(r#"{"a": "other"}"#)),
    ];
    let [one, plain, three, other] = &writes;
    assert!(!store.is_written_with_references("ä").await.unwrap());
    for write in [one, plain, three] {
        // Each begins at another time.
        let now = store.open_intents().await.unwrap().1;
        while store.open_intents().await.unwrap().1 == now {
            tokio::task::yield_now().await;
        }
        store.open_intent(write).await.unwrap();
    }
    store.open_intent(other).await.unwrap();
    assert!(store.is_written_with_references("ä").await.unwrap());
    let counts = async || store.last_write("ä").await.unwrap().map(|last| last.intent);
    let kept = async || {
        let written = store.written(&["ä", "nobody"]).await.unwrap();
        written.get("ä").map(|written| written.definition.clone())
    };
    assert_eq!(counts().await, None);
    store.write_down(plain, None).await.unwrap();
    assert_eq!((counts().await.as_deref(), kept().await), (Some("2"), None));
    store.write_down(one, None).await.unwrap();
    assert_eq!(counts().await.as_deref(), Some("2"));
    // The source says that it was the last one all the same.
    store.write_down(one, Some("2")).await.unwrap();
    assert_eq!(kept().await.as_deref(), Some(r#"{"a": "one"}"#));
    store.write_down(three, None).await.unwrap();
    for write in [plain, one, three] {
        store.write_down(write, None).await.unwrap();
        assert_eq!(kept().await.as_deref(), Some(r#"{"a": "three"}"#));
    }
    let last = store.last_write("ä").await.unwrap().unwrap();
    assert_eq!(last.body_fields, "fields of 3");
    // One that was settled by another core meanwhile changes nothing.
    store.close_intent(other).await.unwrap();
    store.write_down(other, None).await.unwrap();
    assert!(store.written(&["other"]).await.unwrap().is_empty());
    store.unwrite("ä", "1").await.unwrap();
    assert!(kept().await.is_some());
    store.unwrite("ä", "3").await.unwrap();
    assert_eq!(counts().await, None);
}

#[tokio::test]
async fn that_an_account_was_written_without_references_is_forgotten_in_time() {
    let base = Base::open(DATABASE).await;
    let store = &base.store;
    let writes = [
        write("1", "a", Some("{}")),
        write("2", "a", None),
        write("3", "b", Some("{}")),
        write("4", "b", None),
        write("5", "c", Some("{}")),
    ];
    for write in &writes {
        store.open_intent(write).await.unwrap();
        let last = store.last_write(&write.account).await.unwrap();
        let last = last.map(|last| last.intent);
        store.write_down(write, last.as_deref()).await.unwrap();
        if write.id != "3" {
            store.close_intent(write).await.unwrap();
        }
    }
    let retention = Retention {
        audit: Duration::from_secs(3600),
        operations: Duration::from_secs(3600),
    };
    store.purge(&retention).await.unwrap();
    assert!(store.last_write("a").await.unwrap().is_some());
    let mut tx = store.pool().write().await.unwrap();
    let age = "UPDATE kubesvc_ferry_written SET written_at = written_at - 7200000";
    crate::sql::sql(age).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    store.purge(&retention).await.unwrap();
    assert!(store.last_write("a").await.unwrap().is_none());
    assert!(
        store.last_write("b").await.unwrap().is_some(),
        "one is open"
    );
    assert!(store.last_write("c").await.unwrap().is_some());
}
