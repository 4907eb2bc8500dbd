//! Accounts that agents bring by their own configuration.

use super::*;
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
