//! Accounts that agents bring by their own configuration.

use super::*;
use crate::account::state::Wanted;
use HoldingState::*;

fn brings(agent: &str, names: &[&str], state: HoldingState) -> Registration {
    let accounts = names.iter().map(|name| StaticAccount {
        definition: format!(r#"{{"name":"{name}","of":"{agent}"}}"#),
        held: said(name, 0, Some(state)),
    });
    Registration {
        static_accounts: accounts.collect(),
        ..registration(agent, agent, Vec::new())
    }
}

#[tokio::test]
async fn they_claim_their_names_as_long_as_an_agent_brings_them() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let gone = base
        .store
        .register(&brings("agent", &["a", "b"], Ready))
        .await
        .unwrap();
    assert_eq!(gone.affected, ["a", "b"]);
    assert!(gone.strays.is_empty());
    assert!(base.view("a").await.claimed);
    let gone = base
        .store
        .register(&brings("agent", &["b"], Ready))
        .await
        .unwrap();
    assert_eq!(
        gone.affected,
        ["a", "b"],
        "who is no longer brought is looked at, too"
    );
    assert!(!base.view("a").await.claimed);
    assert!(base.store.detail("a").await.unwrap().is_some());
    assert!(matches!(
        base.store.detail("b").await.unwrap(),
        Some(AccountDetail::Static { .. })
    ));
}

#[tokio::test]
async fn they_outlast_their_agent_by_the_grace_time() {
    let base = Base::open(DATABASE).await;
    base.store
        .register(&brings("agent", &["a"], Ready))
        .await
        .unwrap();
    base.store.leave("agent", "agent").await.unwrap();
    base.store.expire(Duration::from_secs(600)).await.unwrap();
    assert!(base.store.detail("a").await.unwrap().is_some());
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 610000")
        .await;
    base.store.expire(Duration::from_secs(600)).await.unwrap();
    assert!(base.store.detail("a").await.unwrap().is_none());
}

#[tokio::test]
async fn reports_of_them_change_what_is_shown_and_no_row() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.store
        .register(&brings("two", &["a"], Pending))
        .await
        .unwrap();
    base.store
        .register(&brings("one", &["a"], Pending))
        .await
        .unwrap();
    let before = base.view("a").await.account;
    let mut report = said("a", 0, Some(Ready));
    report.cluster.kube_host = Some("https://two".to_owned());
    let gone = base.report("two", "two", &report).await;
    assert_eq!(
        (gone.affected, gone.strays.len()),
        (vec!["a".to_owned()], 0)
    );
    let mut failed = said("a", 0, Some(Failed));
    failed.cause = Some("no route".to_owned());
    base.report("one", "one", &failed).await;
    let after = base.view("a").await;
    assert_eq!((after.account, after.holdings.len()), (before, 0));
    let Some(AccountDetail::Static {
        definition,
        zone_id,
        cluster,
        agents,
        caching,
        ignored: None,
    }) = base.store.detail("a").await.unwrap()
    else {
        panic!("the agents' own goes before");
    };
    assert_eq!(definition, r#"{"name":"a","of":"one"}"#);
    assert_eq!(
        (zone_id.as_str(), cluster.kube_host.as_deref()),
        ("Z", Some("https://two"))
    );
    let no_route = Some("no route".to_owned());
    let expected = [
        ("one".to_owned(), Failed, no_route),
        ("two".to_owned(), Ready, None),
    ];
    assert_eq!(agents, expected);
    assert_eq!(caching.as_deref(), Some("two"));
}

#[tokio::test]
async fn a_deletion_that_is_refused_on_their_account_is_no_state_of_theirs() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.store
        .register(&brings("one", &["a"], Ready))
        .await
        .unwrap();
    let refused = said("a", 0, Some(Refused));
    let gone = base.report("one", "one", &refused).await;
    assert_eq!((gone.affected.len(), gone.strays.len()), (0, 0));
    base.hold("a", &["one"], Dropping).await;
    let generation = base.view("a").await.holdings[0].generation;
    let refused = said("a", generation, Some(Refused));
    base.report("one", "one", &refused).await;
    assert_eq!(base.holders("a").await, [("one".to_owned(), Refused)]);
    let Some(AccountDetail::Static { agents, .. }) = base.store.detail("a").await.unwrap() else {
        panic!("the agents' own goes before");
    };
    assert_eq!(agents, [("one".to_owned(), Ready, None)]);
}

/// `agent` says that its account reaches this cluster.
async fn reaches(base: &Base, agent: &str, host: &str, certificate: &str) -> Gone {
    let mut report = said("a", 0, Some(Ready));
    report.cluster.kube_host = Some(host.to_owned());
    report.cluster.cert_fingerprint = Some(certificate.to_owned());
    base.report(agent, agent, &report).await
}

/// Whether a static account is shown as `a`, and why one is not.
async fn shown(base: &Base) -> (bool, String) {
    let (is_static, why) = match base.store.detail("a").await.unwrap().unwrap() {
        AccountDetail::Static { ignored, .. } => (true, ignored),
        AccountDetail::Dynamic { ignored, .. } => (false, ignored),
    };
    (is_static, why.unwrap_or_default())
}

/// A row that is in service in a cluster.
async fn served(base: &Base) {
    base.row("a").await;
    base.change("a", |account| {
        account.status = Status::Active;
        account.wanted = Wanted::Active;
        account.cluster.kube_host = Some("https://kube".to_owned());
        account.cluster.cert_fingerprint = Some("ab12".to_owned());
    })
    .await;
}

#[tokio::test]
async fn one_of_another_cluster_than_the_row_is_ignored() {
    let base = Base::open(DATABASE).await;
    served(&base).await;
    let gone = base.store.register(&brings("own", &["a"], Pending)).await;
    let [(name, unknown)] = &gone.unwrap().ignored[..] else {
        panic!("its cluster is not known yet");
    };
    assert!(name == "a" && unknown.contains("does not reach its cluster"));
    assert_eq!(shown(&base).await, (false, unknown.clone()));
    for (host, certificate) in [
        ("https://other", "ab12"),
        ("https://kube", "cd34"),
        ("https://other", "cd34"),
    ] {
        let gone = reaches(&base, "own", host, certificate).await;
        assert!(!base.view("a").await.claimed, "{host} {certificate}");
        let (is_static, why) = shown(&base).await;
        assert!(!is_static);
        for part in [
            "agent `own` of zone `Z`",
            &format!("({host}, certificate {certificate})"),
            "(https://kube, certificate ab12)",
        ] {
            assert!(why.contains(part), "{why}");
        }
        assert_eq!(gone.ignored, [("a".to_owned(), why)]);
    }
    let agent = base.store.agent("own").await.unwrap().unwrap();
    assert!(agent.accounts.is_empty() && !agent.caching);
    assert_eq!(agent.ignored.len(), 1);
    let gone = reaches(&base, "own", "https://kube", "ab12").await;
    assert_eq!(
        (gone.affected, gone.ignored),
        (vec!["a".to_owned()], vec![])
    );
    assert!(base.view("a").await.claimed);
    assert_eq!(shown(&base).await, (true, String::new()));
    let agent = base.store.agent("own").await.unwrap().unwrap();
    assert_eq!(agent.accounts, ["a"]);
    assert!(agent.caching && agent.ignored.is_empty());
}

#[tokio::test]
async fn one_of_another_cluster_counts_where_the_row_is_not_wanted_in_service() {
    let base = Base::open(DATABASE).await;
    served(&base).await;
    let gone = base.store.register(&brings("own", &["a"], Pending)).await;
    gone.unwrap();
    reaches(&base, "own", "https://other", "cd34").await;
    for status in [Status::Failed, Status::Orphaned, Status::ToMigrate] {
        base.change("a", |account| account.status = status).await;
        assert!(!base.view("a").await.claimed, "{status} is on its way back");
    }
    base.change("a", |account| {
        (account.status, account.wanted) = (Status::Inactive, Wanted::Inactive);
    })
    .await;
    assert!(base.view("a").await.claimed);
    base.change("a", |account| {
        (account.status, account.wanted) = (Status::Activating, Wanted::Active);
        account.cluster = Cluster::default();
    })
    .await;
    assert!(base.view("a").await.claimed, "it never reached a cluster");
}

#[tokio::test]
async fn of_two_zones_that_bring_one_name_the_first_stays() {
    let base = Base::open(DATABASE).await;
    let brings_to = async |agent: &str, zone: &str| {
        let registration = Registration {
            zone_id: zone.to_owned(),
            ..brings(agent, &["a"], Ready)
        };
        base.store.register(&registration).await.unwrap().ignored
    };
    let stays = async || match base.store.detail("a").await.unwrap() {
        Some(AccountDetail::Static {
            zone_id,
            agents,
            ignored,
            ..
        }) => (zone_id, agents.len(), ignored.unwrap_or_default()),
        other => panic!("{other:?}"),
    };
    assert!(brings_to("z1", "first").await.is_empty());
    base.run("UPDATE kubesvc_ferry_static_accounts SET last_updated = 1")
        .await;
    let late = brings_to("a1", "second").await;
    assert!(late[0].1.contains("zone `first` brought one before"));
    assert_eq!(stays().await, ("first".to_owned(), 1, late[0].1.clone()));
    // Neither a report nor a new connection makes it younger, and its replicas count with it.
    reaches(&base, "z1", "https://kube", "ab12").await;
    for agent in ["z1", "z2"] {
        assert!(brings_to(agent, "first").await.is_empty());
    }
    assert_eq!(brings_to("a1", "second").await, late);
    assert_eq!(stays().await, ("first".to_owned(), 2, late[0].1.clone()));
    let agents = base.store.agents().await.unwrap();
    let caching = agents
        .iter()
        .map(|agent| (agent.agent_id.as_str(), agent.caching));
    let expected = [("a1", false), ("z1", true), ("z2", false)];
    assert_eq!(caching.collect::<Vec<_>>(), expected, "one caches");
    for (zone, names) in [("first", vec!["a"]), ("second", vec![])] {
        let filter = Filter {
            zone_id: Some(zone.to_owned()),
            ..Filter::default()
        };
        let listed = base.store.names(&filter).await.unwrap();
        let listed: Vec<&str> = listed.iter().map(|listed| listed.name.as_str()).collect();
        assert_eq!(listed, names, "{zone}");
    }
    // Its pods are replaced one by one: the zone stays as long as one is there.
    for (agent, then) in [("z1", "first"), ("z2", "second")] {
        base.store.leave(agent, agent).await.unwrap();
        base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 610000 WHERE left_at > 0")
            .await;
        let gone = base.store.expire(Duration::from_secs(600)).await.unwrap();
        assert_eq!(gone.affected, ["a"]);
        assert_eq!(stays().await.0, then);
    }
    assert_eq!(stays().await, ("second".to_owned(), 1, String::new()));
}

#[tokio::test]
async fn a_row_is_listed_as_what_counts_of_its_name() {
    let base = Base::open(DATABASE).await;
    served(&base).await;
    let gone = base.store.register(&brings("own", &["a"], Pending)).await;
    gone.unwrap();
    let listed = async || {
        let listed = base.store.names(&Filter::default()).await.unwrap();
        assert_eq!(listed.len(), 1);
        listed[0].source
    };
    reaches(&base, "own", "https://other", "cd34").await;
    assert_eq!(listed().await, Source::Clouddriver);
    reaches(&base, "own", "https://kube", "ab12").await;
    assert_eq!(listed().await, Source::StaticAgentConfig);
}
