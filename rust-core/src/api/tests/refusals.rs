//! What is no request of ours, and what cannot be answered now.

use super::*;

#[tokio::test]
async fn a_body_that_is_no_json_says_where() {
    let desk = Desk::open().await;
    for method in ["POST", "PATCH", "DELETE"] {
        let answer = desk
            .say(method, "/armory/accounts", "[\n  {\"name\": }\n]")
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method}");
        let message = answer.message();
        assert!(
            message.contains("line 2") && message.contains("column"),
            "{method}: {message}"
        );
        let answer = desk.say(method, "/armory/accounts", "").await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{method} without a body"
        );
    }
}

#[tokio::test]
async fn wrong_types_and_unknown_fields_are_refused() {
    let desk = Desk::open().await;
    let wrong = [
        json!({"name": "a"}),
        json!("a"),
        json!([{"zoneId": "Z"}]),
        json!([{"name": 1}]),
        json!([{"name": "a", "zoneId": ["Z"]}]),
        json!([{"name": "a", "zoneID": "Z"}]),
        json!(["a"]),
    ];
    for body in wrong {
        for method in ["POST", "PATCH"] {
            let answer = desk.ask(method, "/armory/accounts", body.clone()).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {body}");
            let message = answer.message();
            // In an array each entry is refused by itself.
            let place = if body.is_array() {
                ": [0]"
            } else {
                "line 1 column"
            };
            assert!(message.contains(place), "{message}");
        }
    }
    for body in [json!({"name": "a"}), json!([1]), json!([{"name": "a"}])] {
        let answer = desk.ask("DELETE", "/armory/accounts", body.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "DELETE {body}");
    }
}

#[tokio::test]
async fn errors_have_clouddrivers_shape() {
    let desk = Desk::open().await;
    let answer = desk.get("/armory/accounts/nobody").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.headers["content-type"], "application/json");
    let mut body = answer.json();
    let timestamp = body.as_object_mut().unwrap().remove("timestamp").unwrap();
    assert!(
        timestamp.as_str().unwrap().ends_with("+00:00"),
        "{timestamp}"
    );
    let expected = json!({
        "error": "Not Found",
        "exception": "com.netflix.spinnaker.kork.web.exceptions.NotFoundException",
        "message": "Account does not exist (name: nobody)",
        "status": 404,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods() {
    let desk = Desk::open().await;
    for path in [
        "/",
        "/armory",
        "/armory/accounts/a/b",
        "/agents/kubernetes",
        "/armory/nothing",
    ] {
        let answer = desk.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(answer.message().contains(path), "{}", answer.message());
    }
    let wrong = [
        ("PUT", "/armory/accounts", "GET, POST, PATCH, DELETE"),
        ("PATCH", "/armory/accounts/a", "GET, DELETE"),
        ("POST", "/agents/kubernetes/accounts/a", "GET"),
        ("DELETE", "/armory/agents", "GET"),
    ];
    for (method, path, allowed) in wrong {
        let answer = desk.ask(method, path, json!([])).await;
        assert_eq!(
            answer.status,
            StatusCode::METHOD_NOT_ALLOWED,
            "{method} {path}"
        );
        assert_eq!(answer.headers["allow"], allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn parameters_that_are_unknown_or_wrong_are_refused() {
    let desk = Desk::open().await;
    let wrong = [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=one", "page"),
        ("page=", "page"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("status=active", "ORPHANED"),
        ("status=", "ORPHANED"),
        ("source=agent", "static-agent-config"),
        ("zone=Z", "zoneId"),
        ("name=a&name=b", "twice"),
    ];
    for (query, says) in wrong {
        let answer = desk.get(&format!("/armory/accounts?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(
            answer.message().contains(says),
            "{query}: {}",
            answer.message()
        );
    }
    for (method, path) in [
        ("GET", "/armory/accounts/a?x=1"),
        ("POST", "/armory/accounts?dry=1"),
    ] {
        let answer = desk.ask(method, path, json!([{"name": "a"}])).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path}");
    }
}

#[tokio::test]
async fn switched_off_it_writes_nothing_and_still_lists() {
    let mut desk = Desk::with(&["a"]).await;
    desk.api.enabled = false;
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    for (method, path, body) in [
        ("POST", "/armory/accounts", json!([{"name": "a"}])),
        ("PATCH", "/armory/accounts", on),
        ("DELETE", "/armory/accounts", json!(["a"])),
        ("DELETE", "/armory/accounts/a", Value::Null),
        ("GET", "/agents/kubernetes/accounts/a", Value::Null),
    ] {
        let answer = desk.ask(method, path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_IMPLEMENTED,
            "{method} {path}"
        );
        assert!(
            answer.message().contains("kubesvc.dynamicAccounts.enabled"),
            "{}",
            answer.text
        );
    }
    assert_eq!(desk.status("a").await, Some(Status::Inactive));
    assert_eq!(desk.get("/armory/accounts").await.json()["total"], 1);
}

#[tokio::test]
async fn without_clouddriver_only_what_needs_it_waits() {
    let mut desk = Desk::with(&["a", "b"]).await;
    desk.source.stop().await;
    let needs = [
        ("POST", "/armory/accounts", json!([{"name": "c"}])),
        ("GET", "/armory/accounts/c", Value::Null),
        // Whether it is unknown or not migrated is Clouddriver's to say.
        (
            "PATCH",
            "/armory/accounts",
            json!([{"name": "c", "state": "ACTIVE"}]),
        ),
        ("DELETE", "/armory/accounts", json!(["c", "b"])),
    ];
    for (method, path, body) in needs {
        let answer = desk.ask(method, path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{method} {path}"
        );
        assert_eq!(answer.headers["retry-after"], "5");
        assert!(
            answer.message().contains("does not answer"),
            "{}",
            answer.message()
        );
    }
    assert_eq!(desk.status("b").await, None, "what is right was processed");
    let some = json!([{"name": "c", "state": "ACTIVE"}, {"name": "a", "state": "INACTIVE"}]);
    let path = "/armory/accounts?report=items";
    let answer = desk.ask("PATCH", path, some).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.message().contains("is done"), "{}", answer.text);
    let items = answer.json()["items"].clone();
    assert_eq!(
        (&items[0]["name"], &items[0]["outcome"]),
        (&json!("a"), &json!("unchanged"))
    );
    assert_eq!(
        (&items[1]["name"], &items[1]["outcome"]),
        (&json!("c"), &json!("refused"))
    );
    let on = json!([{"name": "a", "state": "ACTIVE"}]);
    assert_eq!(
        desk.ask("PATCH", "/armory/accounts", on).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(desk.get("/armory/accounts/a").await.status, StatusCode::OK);
    let list = desk.get("/armory/accounts").await.json();
    assert_eq!(
        (list["total"].as_u64(), &list["items"][0]["name"]),
        (Some(1), &json!("a"))
    );
    assert!(
        list["warnings"][0]
            .as_str()
            .unwrap()
            .contains("does not answer"),
        "{list}"
    );
    let gone = desk.ask("DELETE", "/armory/accounts", json!(["a"])).await;
    assert_eq!(gone.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_clouddriver_that_refuses_is_quoted() {
    let desk = Desk::open().await;
    desk.source.answer(Some(StatusCode::FORBIDDEN));
    let answer = desk
        .ask("POST", "/armory/accounts", json!([{"name": "a"}]))
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.message().contains("403") && answer.message().contains("account.storage"));
}

#[tokio::test]
async fn a_database_that_is_away_is_503() {
    let desk = Desk::with(&["a"]).await;
    desk.api.store.close().await;
    for (method, path, body) in [
        ("GET", "/armory/accounts", Value::Null),
        ("GET", "/armory/agents", Value::Null),
        (
            "PATCH",
            "/armory/accounts",
            json!([{"name": "a", "state": "ACTIVE"}]),
        ),
        ("DELETE", "/armory/accounts/a", Value::Null),
    ] {
        let answer = desk.ask(method, path, body).await;
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{method} {path}"
        );
        assert_eq!(answer.headers["retry-after"], "5");
    }
}

#[tokio::test]
async fn a_body_is_bounded_and_json() {
    let desk = Desk::open().await;
    let long = format!("[\"{}\"]", "a".repeat(100_000));
    let answer = desk.say("DELETE", "/armory/accounts", &long).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer.message().contains("kubesvc.api.maxBodySize"));

    let deep = "[".repeat(50_000);
    for method in ["POST", "PATCH", "DELETE"] {
        let answer = desk.say(method, "/armory/accounts", &deep).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method}");
    }

    let typed = async |media: &str| {
        let request = Request::builder()
            .method("DELETE")
            .uri("/armory/accounts")
            .header("content-type", media)
            .body(Bytes::from_static(b"[\"nobody\"]"))
            .unwrap();
        desk.api.handle(request).await.status()
    };
    for media in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/merge-patch+json",
    ] {
        assert_eq!(typed(media).await, StatusCode::BAD_REQUEST, "{media}");
    }
    for media in ["text/plain", "application/x-www-form-urlencoded", "json"] {
        let status = typed(media).await;
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media}");
    }
}

#[tokio::test]
async fn a_wrong_type_is_told_with_its_path_and_all_others_are_done() {
    let desk = Desk::with(&["a", "b"]).await;
    let body = json!([
        {"name": "a", "state": "ACTIVE"},
        {"name": "b", "state": "ACTIVE", "zoneId": {"secret": TOKEN}},
        {"name": "b", "state": "ACTIVE"},
        {"name": "c", "stat": "ACTIVE"},
        {"state": TOKEN},
        TOKEN,
        ["a", null, null, "INACTIVE"],
    ]);
    let body = body
        .to_string()
        .replace("]]", r#"],{"name":"once","name":"twice"}]"#);
    let answer = desk.say("PATCH", "/armory/accounts", &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(!answer.text.contains(TOKEN), "{}", answer.text);
    let accounts = answer.accounts();
    for ((name, reason), (wrong, says)) in accounts.iter().zip([
        ("b", "[1].zoneId: a value of another type"),
        ("c", "[3].stat: unknown field `stat`, expected one of"),
        ("entry 4", "[4]: missing field `name`"),
        ("entry 5", "[5]: a value of another type"),
        ("entry 6", "[6]: it is no object"),
        ("twice", "[7]: duplicate field `name`"),
    ]) {
        assert_eq!(name, wrong);
        assert!(reason.starts_with(says), "{reason}");
    }
    assert_eq!(accounts.len(), 6);
    assert_eq!(desk.status("a").await, Some(Status::ToMigrate));
    assert_eq!(desk.status("b").await, Some(Status::Inactive));
    let body = json!(["a", 7]);
    let answer = desk.ask("DELETE", "/armory/accounts", body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.accounts()[0].0, "entry 1");
    assert_ne!(desk.status("a").await, Some(Status::ToMigrate));
    let answer = desk
        .say("DELETE", "/armory/accounts", "[\"a\"] [\"b\"]")
        .await;
    assert!(
        answer.message().contains("trailing characters at line 1"),
        "{}",
        answer.text
    );
}
