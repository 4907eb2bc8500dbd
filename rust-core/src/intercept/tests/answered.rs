//! Writes whose answer was heard.

use super::*;

#[tokio::test]
async fn an_accepted_post_is_recorded_once() {
    let post = Post::open().await;
    let begun = post.post("a").await;
    assert_eq!(
        post.open_intents().await,
        1,
        "journaled before it is forwarded"
    );
    assert_eq!(post.status("a").await, None);
    post.source.put("a", fields());
    begun.settle(answered(201)).await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    assert_eq!(post.open_intents().await, 0);
    assert_eq!(post.audit().await, ["a Adopt anna"]);
    assert!(
        post.source
            .users()
            .iter()
            .all(|user| user.as_deref() == Some("anna"))
    );
}

#[tokio::test]
async fn many_posts_of_one_name_make_one_row() {
    let post = Post::open().await;
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.push(post.post("a").await);
    }
    post.source.put("a", fields());
    let settled = begun
        .into_iter()
        .map(|begun| tokio::spawn(begun.settle(answered(201))));
    for settled in settled.collect::<Vec<_>>() {
        settled.await.unwrap();
    }
    assert_eq!(post.audit().await, ["a Adopt anna"]);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_refused_write_changes_nothing() {
    let post = Post::open().await;
    post.source.put("there", fields());
    for status in [302, 400, 403, 404, 409, 500, 503] {
        post.post("there").await.settle(answered(status)).await;
        post.post("new").await.settle(answered(status)).await;
        post.put("there").await.settle(answered(status)).await;
        post.delete("there").await.settle(answered(status)).await;
    }
    assert_eq!(post.audit().await, [""; 0]);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_refused_delete_of_a_migrated_account_leaves_it() {
    let post = Post::open().await;
    post.adopt("a").await;
    post.delete("a").await.settle(answered(404)).await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
}

#[tokio::test]
async fn an_accepted_delete_removes_the_row() {
    let post = Post::open().await;
    post.adopt("a").await;
    let begun = post.delete("a").await;
    post.source.remove("a");
    begun.settle(answered(200)).await;
    assert_eq!(post.status("a").await, None);
    let audit = post.audit().await;
    assert_eq!(audit, ["a Adopt anna", "a Delete anna"]);
    let requests = post.sql("SELECT request_id FROM kubesvc_ferry_audit ORDER BY 1");
    assert_eq!(
        requests.await,
        ["DELETE /credentials/a", "POST /credentials"]
    );
    // One that was never migrated is nobody's here.
    post.delete("b").await.settle(answered(200)).await;
    assert_eq!(post.audit().await.len(), 2);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_put_adopts_what_is_new_alone() {
    let post = Post::open().await;
    let begun = post.put("new").await;
    post.source.put("new", fields());
    begun.settle(answered(200)).await;
    assert_eq!(post.status("new").await, Some(Status::Inactive));
    post.source.put("there", json!({}));
    let begun = post.put("there").await;
    post.source.put("there", fields());
    begun.settle(answered(200)).await;
    assert_eq!(post.status("there").await, None, "nobody migrated it");
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_put_that_began_before_a_delete_and_ends_after_it_is_not_lost() {
    let post = Post::open().await;
    post.adopt("a").await;
    let put = post.put("a").await;
    let delete = post.delete("a").await;
    post.source.remove("a");
    delete.settle(answered(200)).await;
    assert_eq!(post.status("a").await, None);
    post.source.put("a", fields());
    put.settle(answered(200)).await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_put_of_what_somebody_takes_out_meanwhile_does_not_bring_it_back() {
    let post = Post::open().await;
    post.adopt("a").await;
    let put = post.put("a").await;
    let verb = crate::lifecycle::Verb::Delete;
    let actor = Actor {
        who: "anna".to_owned(),
        request_id: None,
        claim: None,
    };
    post.interceptor
        .lifecycle
        .ask("a", verb, &actor)
        .await
        .unwrap();
    put.settle(answered(200)).await;
    assert_eq!(post.status("a").await, None);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_put_of_a_migrated_account_begins_a_generation() {
    let post = Post::open().await;
    post.adopt("a").await;
    let before = post.row("a").await.unwrap();
    post.put("a").await.settle(answered(200)).await;
    assert_eq!(
        post.row("a").await.unwrap(),
        before,
        "what is the same changes nothing"
    );
    let begun = post.put("a").await;
    post.source.put("a", json!({"kubeconfigFile": "/other"}));
    begun.settle(answered(200)).await;
    let after = post.row("a").await.unwrap();
    assert_eq!(after.generation, before.generation + 1);
    assert_eq!(after.status, Status::Inactive);
    let content = post.store.content("a").await.unwrap().unwrap();
    assert!(
        content.definition.contains("/other"),
        "{}",
        content.definition
    );
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn what_the_source_says_counts_and_not_the_request() {
    let post = Post::open().await;
    let begun = post.post("a").await;
    // A second write overtook the first.
    post.source.put("a", json!({"kubeconfigFile": "/later"}));
    begun.settle(answered(201)).await;
    let content = post.store.content("a").await.unwrap().unwrap();
    assert!(
        content.definition.contains("/later"),
        "{}",
        content.definition
    );
}

#[tokio::test]
async fn other_types_and_other_requests_are_left_alone() {
    let post = Post::open().await;
    let body = json!({"type": "aws", "name": "a"});
    let begun = post.begin(Method::POST, "/credentials", body).await;
    post.source.put_of_type("aws", "a", json!({}));
    if let Some(begun) = begun {
        begun.settle(answered(201)).await;
    }
    assert_eq!(post.status("a").await, None);
    assert_eq!(post.open_intents().await, 0);
    for (method, path) in [
        (Method::GET, "/credentials"),
        (Method::GET, "/credentials/a"),
        (Method::POST, "/applications"),
        (Method::POST, "/credentials/a"),
        (Method::DELETE, "/credentials"),
    ] {
        let begun = post.begin(method.clone(), path, account("a")).await;
        assert!(begun.is_none(), "{method} {path}");
    }
}

#[tokio::test]
async fn activate_goes_on_to_active_and_both_steps_are_told() {
    let post = Post::with(true, false).await;
    let begun = post.post("a").await;
    post.source.put("a", fields());
    begun.settle(answered(201)).await;
    assert_eq!(post.status("a").await, Some(Status::ToMigrate));
    assert_eq!(post.audit().await, ["a Activate anna", "a Adopt anna"]);
    // A later PUT is no reason to switch on what a person switched off.
    let (lifecycle, actor) = (&post.interceptor.lifecycle, Actor::ferry());
    lifecycle
        .ask("a", crate::lifecycle::Verb::Deactivate, &actor)
        .await
        .unwrap();
    let begun = post.put("a").await;
    post.source.put("a", json!({}));
    begun.settle(answered(200)).await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
}

#[tokio::test]
async fn without_a_journal_the_request_goes_on_and_is_counted() {
    let post = Post::open().await;
    post.store.close().await;
    let begun = post.post("a").await;
    let metrics = post.metrics.text(None, 0);
    assert!(
        metrics.contains("kubesvc_intercept_unjournaled_total 1"),
        "{metrics}"
    );
    post.source.put("a", fields());
    let settled = tokio::time::timeout(Duration::from_secs(5), begun.settle(answered(201)));
    assert!(settled.await.is_ok(), "a client would wait");
}

#[tokio::test]
async fn without_a_journal_a_strict_interceptor_lets_nothing_pass() {
    let post = Post::with(false, true).await;
    post.adopt("a").await;
    post.store.close().await;
    let headers = HeaderMap::new();
    let begin = |method, path, body: &'static str| {
        let body = Bytes::from(body);
        let (interceptor, headers) = (&post.interceptor, &headers);
        async move { interceptor.begin(&method, path, headers, &body).await }
    };
    let delete = begin(Method::DELETE, "/credentials/a", "").await;
    let refusal = delete.err().unwrap().to_string();
    assert!(refusal.contains("interceptor.strict"), "{refusal}");
    let posted = begin(Method::POST, "/credentials", r#"{"name":"b"}"#).await;
    assert!(posted.is_err());
    // What is no account's is none of our business.
    let other = r#"{"name":"b","type":"dockerRegistry"}"#;
    let other = begin(Method::POST, "/credentials", other).await;
    assert!(other.unwrap().is_none());
}

#[tokio::test]
async fn who_is_not_spelled_in_ascii_writes_and_reads_by_that_name() {
    let post = Post::open().await;
    let user = http::HeaderName::from_static("x-spinnaker-user");
    let name = http::HeaderValue::from_bytes("jürgen".as_bytes()).unwrap();
    let (headers, body) = (HeaderMap::from_iter([(user, name)]), account("a"));
    let body = Bytes::from(body.to_string());
    let begun = post
        .interceptor
        .begin(&Method::POST, "/credentials", &headers, &body);
    let begun = begun.await.unwrap().unwrap();
    post.source.put("a", fields());
    begun.settle(answered(201)).await;
    assert_eq!(post.audit().await, ["a Adopt jürgen"]);
    let asked = post.source.users();
    assert!(
        asked.iter().all(|user| user.as_deref() == Some("jürgen")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_journal_that_does_not_answer_holds_up_nothing() {
    let (post, strict) = (Post::open().await, Post::with(false, true).await);
    let busy = post.store.pool().write().await.unwrap();
    let _busy = strict.store.pool().write().await.unwrap();
    let (headers, body) = (HeaderMap::new(), Bytes::from(account("a").to_string()));
    let refused = strict
        .interceptor
        .begin(&Method::POST, "/credentials", &headers, &body);
    let (begun, refused) = tokio::join!(post.post("a"), refused);
    let refusal = refused.err().unwrap().to_string();
    assert!(refusal.contains("no answer in 2 s"), "{refusal}");
    drop(busy);
    post.source.put("a", fields());
    begun.settle(answered(201)).await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn an_account_that_cannot_be_kept_is_told_when_clouddriver_takes_it() {
    let post = Post::open().await;
    let count = |post: &Post| {
        let text = post.metrics.text(None, 0);
        let counted = text.lines().find_map(|line| {
            let count = line.strip_prefix("kubesvc_intercept_unjournaled_total ")?;
            count.parse::<u32>().ok()
        });
        counted.unwrap()
    };
    post.post("a ").await.settle(answered(400)).await;
    assert_eq!(count(&post), 0);
    post.post("a ").await.settle(answered(200)).await;
    assert_eq!(count(&post), 1);
    post.put("a ").await.settle(Outcome::Unknown).await;
    assert_eq!(count(&post), 2);
    assert_eq!(post.open_intents().await, 0);
}

#[tokio::test]
async fn a_strict_interceptor_refuses_an_account_that_cannot_be_kept() {
    let post = Post::with(false, true).await;
    let (headers, body) = (HeaderMap::new(), account("a ").to_string());
    let begin = |method, path, body: String| {
        let (interceptor, headers) = (&post.interceptor, &headers);
        async move {
            let body = Bytes::from(body);
            interceptor.begin(&method, path, headers, &body).await
        }
    };
    let refusal = begin(Method::POST, "/credentials", body).await.err();
    assert!(
        matches!(refusal, Some(NotJournaled::Ever(_))),
        "{refusal:?}"
    );
    let refusal = refusal.unwrap().to_string();
    assert!(refusal.contains("must not end with a space"), "{refusal}");
    assert!(!refusal.contains("later"), "{refusal}");
    // It never had a row, and what is no definition makes none.
    for (method, path) in [
        (Method::DELETE, "/credentials/a%20"),
        (Method::POST, "/credentials"),
    ] {
        let begun = begin(method, path, "{".to_owned()).await;
        assert!(begun.unwrap().is_none());
    }
}

#[tokio::test]
async fn the_journal_holds_no_secret() {
    let post = Post::open().await;
    let body = json!({"name": "a", "kubeconfigContents": "token: pla1n-t0ken"});
    let _begun = post
        .begin(Method::POST, "/credentials", body)
        .await
        .unwrap();
    let (intents, _) = post.store.open_intents().await.unwrap();
    let intent = format!("{:?}", intents[0]);
    assert!(intent.contains("kubeconfigContents,name"), "{intent}");
    assert!(!intent.contains("pla1n-t0ken"), "{intent}");
}
