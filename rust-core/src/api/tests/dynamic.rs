//! `/armory/accounts/dynamic`: definitions that come with the request.

use super::*;

const PATH: &str = "/armory/accounts/dynamic";

fn inline(name: &str) -> Value {
    json!({"name": name, "kubeconfigContents": format!("token: {TOKEN}"), "namespaces": ["n"]})
}

impl Desk {
    /// What would be sent to agents.
    async fn secrets(&self, name: &str) -> String {
        use secrecy::ExposeSecret;
        let secrets = self.api.lifecycle.secrets_for_tests(name).await;
        secrets.map_or(String::new(), |secrets| secrets.expose_secret().to_owned())
    }

    async fn config(&self, name: &str) -> Value {
        let answer = self.get(&format!("/armory/accounts/{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()["config"].clone()
    }
}

#[tokio::test]
async fn an_object_or_an_array_makes_accounts() {
    let desk = Desk::open().await;
    let answer = desk.ask("POST", PATH, inline("a")).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "[]")
    );
    let more = json!([
        {"name": "b", "kubeConfigFile": "/k", "zoneId": "Z", "context": "c"},
        {"name": "c", "serviceAccount": true},
        {"name": "c", "serviceAccount": true},
    ]);
    let answer = desk.ask("POST", PATH, more).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "[]")
    );
    for name in ["a", "b", "c"] {
        assert_eq!(desk.status(name).await, Some(Status::Inactive), "{name}");
    }
    assert!(desk.secrets("a").await.contains(TOKEN));
    let shown = desk.get("/armory/accounts/b").await.json();
    assert_eq!(shown["zoneId"], "Z");
    let expected =
        json!({"name": "b", "type": "kubernetes", "kubeconfigFile": "/k", "context": "c"});
    assert_eq!(shown["config"], expected);
    assert!(desk.api.store.content("a").await.unwrap().unwrap().inline);
    let answer = desk
        .ask("PATCH", PATH, json!([{"name": "a", "state": "ACTIVE"}]))
        .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
}

#[tokio::test]
async fn secrets_of_whatever_attribute_are_neither_kept_in_plain_text_nor_shown() {
    let desk = Desk::open().await;
    let body = json!({
        "name": "a", "kubeconfigFile": "/k", "kubeconfig": {"users": [{"user": {"x": TOKEN}}]},
        "registry": {"private_key": TOKEN, "client-key-data": TOKEN, "apiKey": [TOKEN]},
    });
    // No answer shows it: every request of these tests looks for it.
    for status in [StatusCode::ACCEPTED, StatusCode::CONFLICT] {
        let answer = desk.ask("POST", PATH, body.clone()).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    desk.get("/agents/kubernetes/accounts/a").await;
    let content = desk.api.store.content("a").await.unwrap().unwrap();
    assert!(!content.definition.contains(TOKEN), "{content:?}");
    let shown = desk.config("a").await;
    let before = desk.secrets("a").await;
    assert_eq!(before.matches(TOKEN).count(), 4, "{before}");
    let answer = desk.ask("PUT", PATH, shown).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(desk.secrets("a").await, before);
}

#[tokio::test]
async fn those_that_are_there_are_named_and_the_others_made() {
    let desk = Desk::with(&["there"]).await;
    desk.agent("agent", "Z", &[], &[("own", json!({}))]).await;
    let batch = json!([inline("there"), inline("own"), inline("new")]);
    let answer = desk.ask("POST", PATH, batch).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let names: Vec<Value> = answer
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].clone())
        .collect();
    assert_eq!(names, ["own", "there"]);
    assert_eq!(desk.status("new").await, Some(Status::Inactive));
    assert!(
        !desk
            .api
            .store
            .content("there")
            .await
            .unwrap()
            .unwrap()
            .inline
    );
}

#[tokio::test]
async fn what_is_wrong_is_named_with_a_reason() {
    let desk = Desk::open().await;
    let batch = json!([
        {"name": "none"},
        {"name": "no", "serviceAccount": false},
        {"name": "two", "kubeconfigFile": "/k", "serviceAccount": true},
        {"name": "kind", "kubeconfigFile": "/k", "type": "aws"},
        {"name": "zone", "kubeconfigFile": "/k", "zoneId": 7},
        {"name": "file", "kubeconfigFile": ["/k"]},
        {"name": "own", "serviceAccount": "yes"},
        {"name": "redacted", "kubeconfigContents": "[redacted]"},
        {"name": "twice", "kubeconfigFile": "/1"},
        {"name": "twice", "kubeconfigFile": "/2"},
        {"kubeconfigFile": "/k"},
        {"name": "", "kubeconfigFile": "/k"},
        {"name": "space ", "kubeconfigFile": "/k"},
        {"name": "zones", "kubeconfigFile": "/k", "zoneId": "Z "},
        {"name": "right", "kubeconfigFile": "/k"},
    ]);
    let answer = desk.ask("POST", PATH, batch).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let mut said: Vec<String> = answer
        .accounts()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    said.sort();
    let wrong = [
        "entry 10", "entry 11", "entry 12", "file", "kind", "no", "none", "own", "redacted",
        "twice", "two", "zone", "zones",
    ];
    assert_eq!(said, wrong);
    assert_eq!(desk.status("right").await, Some(Status::Inactive));
    assert_eq!(desk.status("two").await, None);
    for body in ["[]", "7", "{", "[7]", "\"a\"", ""] {
        let answer = desk.say("POST", PATH, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    for body in ["[]", "{}", "7", "{", &format!("[{}]", inline("a")), ""] {
        let answer = desk.say("PUT", PATH, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
}

#[tokio::test]
async fn without_a_key_no_secret_is_taken_and_the_reason_told() {
    let desk = Desk::keyless().await;
    let batch = json!([inline("a"), {"name": "b", "kubeconfigFile": "/k"}]);
    let answer = desk.ask("POST", PATH, batch).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let [(name, reason)] = &answer.accounts()[..] else {
        panic!("{}", answer.text);
    };
    assert!(
        name == "a" && reason.contains("kubesvc.secrets.keyFile"),
        "{reason}"
    );
    assert_eq!(desk.status("b").await, Some(Status::Inactive));
    let answer = desk
        .ask(
            "PUT",
            PATH,
            json!({"name": "b", "kubeconfigContents": TOKEN}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.config("b").await["kubeconfigFile"], "/k");
}

#[tokio::test]
async fn without_a_key_a_put_leaves_the_kubeconfig_at_clouddriver() {
    let desk = Desk::keyless().await;
    let at_clouddriver = json!({"kubeconfigContents": format!("token: {TOKEN}")});
    desk.source.put("a", at_clouddriver);
    let answer = desk.ask("POST", "/armory/accounts", json!([{"name": "a"}]));
    assert_eq!(answer.await.status, StatusCode::ACCEPTED);
    let permissions = json!({"READ": ["team"]});
    let body = json!({"name": "a", "permissions": permissions});
    let answer = desk.ask("PUT", PATH, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    assert_eq!(desk.config("a").await["permissions"], permissions);
    let kept = desk.api.store.content("a").await.unwrap().unwrap();
    assert!(kept.inline && kept.secret.unwrap().is_at_source());
    assert!(desk.secrets("a").await.contains(TOKEN));
    for secret in [
        json!({"name": "a", "kubeconfigContents": "another"}),
        json!({"name": "a", "kubeconfigContents": "[redacted]", "oAuthToken": "new"}),
    ] {
        let answer = desk.ask("PUT", PATH, secret).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert!(answer.text.contains("keyFile"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_put_replaces_the_definition_and_keeps_what_it_does_not_tell() {
    let desk = Desk::open().await;
    desk.ask("POST", PATH, inline("a")).await;
    let generation = async || {
        let view = desk.api.store.view("a").await.unwrap().unwrap();
        view.account.generation
    };
    let before = generation().await;
    // What an answer shows may be sent back.
    let shown = desk.config("a").await;
    assert_eq!(shown["kubeconfigContents"], "[redacted]");
    let answer = desk.ask("PUT", PATH, shown.clone()).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::ACCEPTED, "[]")
    );
    assert_eq!(
        generation().await,
        before,
        "what is the same changes nothing"
    );
    let mut changed = shown;
    changed["namespaces"] = json!(["other"]);
    desk.ask("PUT", PATH, changed).await;
    assert_eq!(generation().await, before + 1);
    assert_eq!(desk.config("a").await["namespaces"], json!(["other"]));
    assert!(desk.secrets("a").await.contains(TOKEN));
    // No kubeconfig at all keeps it, too; so Clouddriver shows that there is none of a kind.
    for none in [
        json!({}),
        json!({"serviceAccount": false}),
        json!({"kubeconfigContents": "", "kubeconfigFile": "", "serviceAccount": false}),
    ] {
        let mut object = none.clone();
        (object["name"], object["context"]) = (json!("a"), json!("c"));
        let answer = desk.ask("PUT", PATH, object).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert!(desk.secrets("a").await.contains(TOKEN), "{none}");
    }
    let config = desk.config("a").await;
    assert_eq!(
        (&config["context"], &config["namespaces"]),
        (&json!("c"), &Value::Null)
    );
    desk.ask("PUT", PATH, json!({"name": "a", "kubeconfigFile": "/k"}))
        .await;
    assert_eq!(desk.secrets("a").await, "");
    let answer = desk
        .ask(
            "PUT",
            PATH,
            json!({"name": "a", "kubeconfigContents": "[redacted]"}),
        )
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.message().contains("no secret is kept there"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_put_may_name_a_kubeconfig_at_the_agent() {
    let desk = Desk::open().await;
    desk.ask("POST", PATH, inline("a")).await;
    let mut body = desk.config("a").await;
    body["kubeconfigAgent"] = json!("/at-agent");
    let answer = desk.ask("PUT", PATH, body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
    let view = desk.api.store.view("a").await.unwrap().unwrap();
    assert_eq!(view.account.kubeconfig_file.as_deref(), Some("/at-agent"));
    assert_eq!(desk.config("a").await.get("kubeconfigAgent"), None);
    for (wrong, reason) in [
        (json!("/k\0"), "NUL"),
        (
            json!(format!("encryptedFile:noop!v:{TOKEN}")),
            "the kubeconfig itself",
        ),
        (
            json!(format!("{{\"token\": \"{TOKEN}\"}}")),
            "the kubeconfig itself",
        ),
        (json!(1), "a path"),
    ] {
        let answer = desk.ask("PUT", PATH, json!({"name": "a", "kubeconfigAgent": wrong}));
        let answer = answer.await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text);
        assert!(answer.message().contains(reason), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_failed_with_the_definition_before_is_forgotten_with_a_put() {
    let desk = Desk::open().await;
    for (at, stands) in [
        "status = 'FAILED', failure = 'DEFINITION'",
        "status = 'ACTIVE', wanted = 'ACTIVE', zone_id = 'Z', failure = 'AGENTS', due_at = 1",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("a{at}");
        desk.ask("POST", PATH, inline(&name)).await;
        let mut tx = desk.api.store.pool().write().await.unwrap();
        let stands = format!("UPDATE kubesvc_accounts SET {stands} WHERE name = '{name}'");
        crate::sql::sql(stands).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let answer = desk.ask("PUT", PATH, json!({"name": name, "context": "c"}));
        assert_eq!(answer.await.status, StatusCode::ACCEPTED);
        let view = desk.api.store.view(&name).await.unwrap().unwrap();
        let left = (view.account.failure, view.account.due_at);
        assert_eq!(left, (None, None), "{name}");
    }
}

#[tokio::test]
async fn a_put_with_another_kubeconfig_ends_the_one_at_the_agent() {
    let desk = Desk::open().await;
    desk.ask("POST", PATH, inline("a")).await;
    let at_agent = async || {
        let view = desk.api.store.view("a").await.unwrap().unwrap();
        view.account.kubeconfig_file
    };
    let mut body = desk.config("a").await;
    body["kubeconfigAgent"] = json!("/at-agent");
    desk.ask("PUT", PATH, body.clone()).await;
    // What says nothing new of the kubeconfig leaves it there.
    for same in [
        json!({"name": "a", "context": "c"}),
        desk.config("a").await,
        json!({"name": "a", "kubeconfigContents": "[redacted]", "context": "d"}),
    ] {
        let answer = desk.ask("PUT", PATH, same).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(at_agent().await.as_deref(), Some("/at-agent"));
    }
    for (another, file) in [
        (json!({"kubeconfigContents": "another"}), None),
        (
            json!({"kubeconfigFile": "/k", "kubeconfigAgent": "/wins"}),
            Some("/wins"),
        ),
        (json!({"kubeconfigFile": "/other"}), None),
    ] {
        let mut body = another;
        body["name"] = json!("a");
        let answer = desk.ask("PUT", PATH, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        assert_eq!(at_agent().await.as_deref(), file);
    }
}

#[tokio::test]
async fn a_put_of_what_is_not_dynamic_here_says_what_it_is() {
    let desk = Desk::with(&["going"]).await;
    desk.source.put("unmigrated", json!({}));
    desk.agent("agent", "Z", &["going"], &[("own", json!({}))])
        .await;
    desk.ask("DELETE", "/armory/accounts", json!(["going"]))
        .await;
    for (name, status, reason) in [
        ("nobody", StatusCode::BAD_REQUEST, "no migrated account"),
        ("unmigrated", StatusCode::CONFLICT, "not migrated"),
        ("own", StatusCode::CONFLICT, "an agent's own configuration"),
        ("going", StatusCode::CONFLICT, "being deleted"),
    ] {
        let answer = desk.ask("PUT", PATH, inline(name)).await;
        assert_eq!(answer.status, status, "{name} {}", answer.text);
        assert!(answer.message().contains(reason), "{name} {}", answer.text);
    }
    let answer = desk
        .ask(
            "PUT",
            PATH,
            json!({"name": "own", "kubeconfigFile": "/k", "zoneId": "Z"}),
        )
        .await;
    assert!(answer.message().contains("PATCH"), "{}", answer.text);
}

#[tokio::test]
async fn other_methods_are_about_an_account_of_that_name() {
    let desk = Desk::with(&["dynamic"]).await;
    assert_eq!(desk.get(PATH).await.json()["name"], "dynamic");
    assert_eq!(
        desk.say("DELETE", PATH, "").await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(desk.status("dynamic").await, None);
}

#[tokio::test]
async fn switched_off_means_not_implemented() {
    let mut desk = Desk::open().await;
    desk.api.enabled = false;
    for method in ["POST", "PUT", "PATCH"] {
        let answer = desk.ask(method, PATH, inline("a")).await;
        assert_eq!(answer.status, StatusCode::NOT_IMPLEMENTED, "{method}");
    }
}
