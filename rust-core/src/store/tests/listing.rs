//! Lists, and what the sweep finds.

use super::*;

async fn names(base: &Base, filter: Filter) -> Vec<String> {
    let listed = base.store.names(&filter).await.unwrap();
    listed.into_iter().map(|listed| listed.name).collect()
}

#[tokio::test]
async fn names_come_in_byte_order_and_filters_narrow() {
    let base = Base::open(DATABASE).await;
    for name in ["ä", "a b", "a", "B", "a%", "A"] {
        base.row(name).await;
    }
    let text = |text: &str| Some(text.to_owned());
    base.change("a", |account| {
        (account.status, account.zone_id) = (Status::Active, text("Z"));
    })
    .await;
    base.change("a%", |account| {
        (account.zone_id, account.requested_zone) = (text("Z"), text("asked"));
    })
    .await;
    base.change("B", |account| account.requested_zone = text("Z"))
        .await;
    base.hold("a b", &["agent"], HoldingState::Ready).await;
    let own = StaticAccount {
        definition: "{}".to_owned(),
        held: said("b", 0, Some(HoldingState::Ready)),
    };
    let agent = Registration {
        static_accounts: vec![own],
        ..registration(
            "agent",
            "s",
            vec![said("a b", 1, Some(HoldingState::Ready))],
        )
    };
    base.store.register(&agent).await.unwrap();
    let all = Filter::default;
    assert_eq!(
        names(&base, all()).await,
        ["A", "B", "a", "a b", "a%", "b", "ä"]
    );
    let status = Some(Status::Active);
    assert_eq!(names(&base, Filter { status, ..all() }).await, ["a"]);
    let zone_id = text("Z");
    assert_eq!(
        names(&base, Filter { zone_id, ..all() }).await,
        ["B", "a", "b"]
    );
    let zone_id = text("asked");
    assert_eq!(
        names(&base, Filter { zone_id, ..all() }).await,
        ["a%"],
        "it waits for that zone, whichever served it before"
    );
    let source = Some(Source::StaticAgentConfig);
    assert_eq!(names(&base, Filter { source, ..all() }).await, ["b"]);
    let source = Some(Source::Clouddriver);
    assert_eq!(
        names(&base, Filter { source, ..all() }).await,
        ["A", "B", "a", "a b", "a%", "ä"]
    );
    let agent_id = text("agent");
    assert_eq!(
        names(&base, Filter { agent_id, ..all() }).await,
        ["a b", "b"]
    );
    for (prefix, expected) in [
        ("a", &["a", "a b", "a%"][..]),
        ("a%", &["a%"]),
        ("%", &[]),
        ("_", &[]),
        ("ä", &["ä"]),
        ("", &["A", "B", "a", "a b", "a%", "b", "ä"]),
    ] {
        let name = text(prefix);
        assert_eq!(
            names(&base, Filter { name, ..all() }).await,
            expected,
            "{prefix}"
        );
    }
    let both = Filter {
        status,
        name: text("A"),
        ..all()
    };
    assert_eq!(names(&base, both).await, [""; 0], "all conditions hold");
}

#[tokio::test]
async fn one_with_two_origins_is_listed_once_as_the_agents() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let own = StaticAccount {
        definition: "{}".to_owned(),
        held: said("a", 0, None),
    };
    for agent in ["1", "2"] {
        let agent = Registration {
            static_accounts: vec![own.clone()],
            ..registration(agent, agent, Vec::new())
        };
        base.store.register(&agent).await.unwrap();
    }
    let listed = base.store.names(&Filter::default()).await.unwrap();
    let expected = pages::Listed {
        name: "a".to_owned(),
        source: Source::StaticAgentConfig,
    };
    assert_eq!(listed, [expected]);
    assert!(matches!(
        base.store.detail("a").await.unwrap(),
        Some(AccountDetail::Static { .. })
    ));
}

#[tokio::test]
async fn a_detail_is_the_row_with_its_holdings() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.hold("a", &["2", "1"], HoldingState::Ready).await;
    let view = base.view("a").await;
    let Some(AccountDetail::Dynamic {
        account,
        content: kept,
        holdings,
        caching,
        ignored: None,
    }) = base.store.detail("a").await.unwrap()
    else {
        panic!("there is a row");
    };
    assert_eq!((*account, holdings), (view.account, view.holdings));
    assert_eq!(kept, content("{}"));
    assert_eq!(caching, None, "neither of them is connected");
    assert!(base.store.detail("b").await.unwrap().is_none());
}

#[tokio::test]
async fn due_is_what_has_its_time_or_a_message_to_send() {
    let base = Base::open(DATABASE).await;
    let now = base.row("idle").await.now;
    for (name, status, due_at) in [
        ("waits", Status::Activating, Some(now + 3_600_000)),
        ("over", Status::Activating, Some(now - 1)),
        ("retry", Status::Failed, Some(now - 2)),
        ("given up", Status::Failed, None),
        ("served", Status::Active, None),
        ("lost", Status::Active, Some(now - 3)),
        ("migrates", Status::ToMigrate, Some(now + 3_600_000)),
        ("stops", Status::ToDeactivate, Some(now + 3_600_000)),
        ("told", Status::Deactivating, Some(now + 3_600_000)),
        ("goes", Status::Deleting, Some(now + 3_600_000)),
        ("stuck", Status::DeleteFailed, None),
        ("orphan", Status::Orphaned, None),
    ] {
        base.row(name).await;
        base.change(name, |account| {
            (account.status, account.due_at) = (status, due_at)
        })
        .await;
    }
    let mut due = base.store.due(100).await.unwrap();
    assert_eq!(
        due[..3],
        ["lost", "retry", "over"],
        "whose time is over longest comes first"
    );
    due.sort();
    assert_eq!(due, ["goes", "lost", "migrates", "over", "retry", "stops"]);
    assert_eq!(base.store.due(2).await.unwrap(), ["lost", "retry"]);
    let mut unsettled = base.store.unsettled().await.unwrap();
    unsettled.sort();
    let all = [
        "given up", "goes", "lost", "migrates", "orphan", "over", "retry", "served", "stops",
        "stuck", "told", "waits",
    ];
    assert_eq!(unsettled, all);
    base.hold("idle", &["agent"], HoldingState::Ready).await;
    assert!(
        base.store
            .unsettled()
            .await
            .unwrap()
            .contains(&"idle".to_owned())
    );
}

#[tokio::test]
async fn many_that_wait_do_not_hide_what_is_due() {
    let base = Base::open(DATABASE).await;
    let now = base.row("z").await.now;
    let wait = |account: &mut Account| {
        (account.status, account.due_at) = (Status::ToMigrate, Some(now + 3_600_000));
    };
    for name in ["a", "b", "c"] {
        base.row(name).await;
        base.change(name, wait).await;
    }
    base.change("z", |account| {
        (account.status, account.due_at) = (Status::Deactivating, Some(now - 1));
    })
    .await;
    assert_eq!(base.store.due(1).await.unwrap(), ["z"]);
}

#[tokio::test]
async fn rows_are_counted_by_status() {
    let base = Base::open(DATABASE).await;
    assert!(base.store.count_by_status().await.unwrap().is_empty());
    for name in ["a", "b", "c"] {
        base.row(name).await;
    }
    base.change("c", |account| account.status = Status::Active)
        .await;
    let mut counts = base.store.count_by_status().await.unwrap();
    counts.sort();
    assert_eq!(counts, [(Status::Inactive, 2), (Status::Active, 1)]);
}
