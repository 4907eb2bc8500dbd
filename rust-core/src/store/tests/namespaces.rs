//! Namespaces as agents saw them last.

use super::*;
use crate::store::Namespaces;
use HoldingState::*;

fn seen(names: &[&str]) -> Option<Namespaces> {
    Some(Namespaces {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        total: u32::try_from(names.len()).unwrap(),
    })
}

fn sees(account: &str, generation: i64, state: HoldingState, names: &[&str]) -> Held {
    Held {
        namespaces: seen(names),
        ..said(account, generation, Some(state))
    }
}

fn brings(agent: &str, accounts: &[Held]) -> Registration {
    let own = accounts.iter().map(|held| StaticAccount {
        definition: "{}".to_owned(),
        held: held.clone(),
    });
    Registration {
        static_accounts: own.collect(),
        ..registration(agent, agent, Vec::new())
    }
}

/// What is told of an account.
async fn told(base: &Base, account: &str) -> Option<Namespaces> {
    let detail = base.store.detail(account).await.unwrap().unwrap();
    base.store.namespaces(account, &detail).await.unwrap()
}

#[tokio::test]
async fn what_counts_of_an_account_is_what_its_holder_said_last() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    assert_eq!(told(&base, "a").await, None);
    let held = vec![sees("a", 5, Ready, &["ü", "o'x"])];
    let with = registration("agent", "s", held);
    base.store.register(&with).await.unwrap();
    assert_eq!(told(&base, "a").await, seen(&["ü", "o'x"]));
    let before = base.view("a").await.account.version;
    let more = sees("a", 5, Ready, &["b", "c"]);
    let gone = base.report("agent", "s", &more).await;
    assert_eq!(told(&base, "a").await, seen(&["b", "c"]));
    assert!(gone.affected.is_empty(), "nothing follows from it");
    assert_eq!(base.view("a").await.account.version, before);
    for (session, report) in [
        ("s", sees("a", 4, Ready, &["of an older generation"])),
        ("earlier", sees("a", 5, Ready, &["of an ended session"])),
        ("s", said("a", 5, Some(Ready))),
        ("s", said("a", 5, Some(Lost))),
    ] {
        base.report("agent", session, &report).await;
        assert_eq!(told(&base, "a").await, seen(&["b", "c"]), "{report:?}");
    }
    let stranger = registration("other", "s", Vec::new());
    base.store.register(&stranger).await.unwrap();
    let unasked = sees("a", 5, Ready, &["of a stranger"]);
    base.report("other", "s", &unasked).await;
    assert_eq!(told(&base, "a").await, seen(&["b", "c"]));
}

#[tokio::test]
async fn of_many_reports_at_once_the_last_of_each_account_counts() {
    let base = Base::open(DATABASE).await;
    let names: Vec<String> = (0..600).map(|number| format!("acc-{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    base.rows(&names).await;
    let holds = names.iter().map(|name| said(name, 5, Some(Ready)));
    let with = registration("agent", "s", holds.collect());
    base.store.register(&with).await.unwrap();
    let saw = |now: &'static str| {
        let report = move |name: &&str| report("agent", "s", &sees(name, 5, Ready, &[now]));
        names.iter().map(report)
    };
    let reports: Vec<Report> = saw("before").chain(saw("now")).collect();
    base.store.report(&reports).await.unwrap();
    for name in [names[0], names[599]] {
        assert_eq!(told(&base, name).await, seen(&["now"]));
    }
}

#[tokio::test]
async fn they_outlast_the_holding_and_go_with_the_row() {
    let base = Base::open(DATABASE).await;
    let view = base.row("a").await;
    base.row("b").await;
    let held = ["a", "b"].map(|name| sees(name, 5, Ready, &["n"]));
    let with = registration("agent", "s", held.to_vec());
    base.store.register(&with).await.unwrap();
    base.store.leave("agent", "s").await.unwrap();
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 610000")
        .await;
    base.store.expire(Duration::from_secs(600)).await.unwrap();
    assert_eq!(base.holders("a").await, []);
    assert_eq!(told(&base, "a").await, seen(&["n"]));
    let view = base.view(&view.account.name).await;
    let mut step = Step::same(&view);
    step.account = None;
    let ferry = Actor::ferry();
    let written = base.store.write(&view, &step, &[], None, &ferry).await;
    assert!(written.unwrap());
    let left = base.select(&["account"], "FROM kubesvc_ferry_namespaces");
    assert_eq!(left.await, ["b"]);
    base.row("a").await;
    assert_eq!(told(&base, "a").await, None, "another of its name");
}

#[tokio::test]
async fn those_of_an_agents_own_account_are_apart_and_go_with_it() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    let held = vec![sees("a", 5, Ready, &["of the row"])];
    let with = registration("first", "first", held);
    base.store.register(&with).await.unwrap();
    base.change("a", |account| {
        account.wanted = crate::account::state::Wanted::Active;
        account.cluster.kube_host = Some("https://row".to_owned());
    })
    .await;
    let own = ["a", "b"].map(|name| sees(name, 0, Ready, &["own"]));
    base.store.register(&brings("agent", &own)).await.unwrap();
    assert_eq!(
        told(&base, "a").await,
        seen(&["of the row"]),
        "it is ignored: it is of another cluster"
    );
    base.change("a", |account| {
        account.wanted = crate::account::state::Wanted::Inactive;
    })
    .await;
    assert_eq!(told(&base, "a").await, seen(&["own"]), "now it counts");
    base.report("agent", "agent", &sees("b", 0, Ready, &["more"]))
        .await;
    assert_eq!(told(&base, "b").await, seen(&["more"]));

    // It starts anew, and has reached nothing yet.
    let own = [said("b", 0, Some(Pending))];
    base.store.register(&brings("agent", &own)).await.unwrap();
    assert_eq!(told(&base, "b").await, seen(&["more"]));
    assert_eq!(told(&base, "a").await, seen(&["of the row"]));
    let of_agent = "FROM kubesvc_ferry_namespaces WHERE brought_by = 'agent'";
    assert_eq!(base.select(&["account"], of_agent).await, ["b"]);

    // Of two agents one that is ready goes before.
    let other = [sees("b", 0, Ready, &["of the other"])];
    base.store.register(&brings("other", &other)).await.unwrap();
    assert_eq!(told(&base, "b").await, seen(&["of the other"]));

    base.store.leave("agent", "agent").await.unwrap();
    base.run("UPDATE kubesvc_ferry_agents SET left_at = left_at - 610000")
        .await;
    base.store.expire(Duration::from_secs(600)).await.unwrap();
    assert!(base.select(&["account"], of_agent).await.is_empty());
}
