//! Rows and steps: made once, changed by compare-and-swap, kept whole.

use super::*;
use crate::account::state::{Failure, Wanted};
use crate::account::transition::Event;
use crate::secret::Keyring;
use secrecy::ExposeSecret;

fn person() -> Actor {
    Actor {
        who: "anna".to_owned(),
        request_id: Some("request-1".to_owned()),
        claim: None,
    }
}

#[tokio::test]
async fn a_row_is_made_once() {
    let base = Base::open(DATABASE).await;
    let first = content(r#"{"name":"a"}"#);
    let zone = Some("Z".to_owned());
    let file = Some("/k".to_owned());
    let row = NewRow {
        name: "a".to_owned(),
        requested_zone: zone.clone(),
        kubeconfig_file: file.clone(),
        content: first.clone(),
        activate: None,
    };
    let made = base.store.create(&[row], &person()).await.unwrap();
    assert_eq!(made, ["a".to_owned()].into());
    let view = base.view("a").await;
    let mut expected = Account::adopted("a", zone, view.account.last_updated);
    expected.kubeconfig_file = file;
    assert_eq!(view.account, expected);
    assert!(view.holdings.is_empty() && !view.claimed);
    assert!(view.now >= view.account.last_updated && view.account.last_updated > 1_500_000_000_000);
    let second = base.store.create(&[new("a")], &Actor::ferry()).await;
    assert!(second.unwrap().is_empty());
    assert_eq!(base.view("a").await.account, expected);
    assert_eq!(base.store.content("a").await.unwrap(), Some(first));
    let columns = [
        "account",
        "from_status",
        "to_status",
        "event",
        "who",
        "request_id",
        "message",
    ];
    let audit = base.select(&columns, "FROM kubesvc_ferry_audit").await;
    assert_eq!(audit, ["a||INACTIVE|Adopt|anna|request-1|"]);
    assert!(base.store.view("b").await.unwrap().is_none());
    assert!(base.store.content("b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_step_keeps_every_column() {
    let base = Base::open(DATABASE).await;
    let view = base.row("a").await;
    let text = |text: &str| Some(text.to_owned());
    let mut step = Step::same(&view);
    step.event = Some(Event::Activate);
    step.account = Some(Account {
        status: Status::Failed,
        wanted: Wanted::Active,
        generation: view.account.generation + 1,
        requested_zone: text("asked"),
        target_zone: text("tried"),
        zone_id: text("worked"),
        kubeconfig_file: text("/k"),
        failed_count: 3,
        failure: Some(Failure::NoAgent),
        message: text("ä sentence"),
        toured: vec!["\"one\"".to_owned(), "two".to_owned()],
        due_at: Some(1_700_000_000_001),
        cluster: Cluster {
            kube_host: text("https://k"),
            kube_version: text("v1.36.3"),
            cert_fingerprint: text("ab"),
        },
        ..view.account.clone()
    });
    step.holdings = ["b", "a"]
        .map(|agent_id| Holding {
            agent_id: agent_id.to_owned(),
            zone_id: "Z".to_owned(),
            generation: 7,
            state: HoldingState::Lost,
            cause: text("no route"),
            cluster: step.account.as_ref().unwrap().cluster.clone(),
        })
        .to_vec();
    let new = content(r#"{"new":true}"#);
    assert!(
        base.store
            .write(&view, &step, &[], Some(&new), &person())
            .await
            .unwrap()
    );
    let after = base.view("a").await;
    let mut expected = step.account.clone().unwrap();
    expected.version = view.account.version + 1;
    expected.last_updated = after.account.last_updated;
    assert_eq!(after.account, expected);
    step.holdings.reverse();
    assert_eq!(after.holdings, step.holdings, "sorted by agent");
    assert_eq!(base.store.content("a").await.unwrap(), Some(new));
    let columns = ["from_status", "to_status", "message"];
    let from = "FROM kubesvc_ferry_audit WHERE event = 'Activate'";
    assert_eq!(
        base.select(&columns, from).await,
        ["INACTIVE|FAILED|ä sentence"]
    );
}

#[tokio::test]
async fn a_stale_step_writes_nothing() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.hold("a", &["agent"], HoldingState::Ready).await;
    let stale = base.view("a").await;
    base.change("a", |account| account.message = Some("faster".to_owned()))
        .await;
    let before = base.view("a").await;
    let mut step = Step::of(&stale, Event::Delete, false, false, &LIMITS).unwrap();
    step.holdings.clear();
    let new = content(r#"{"new":true}"#);
    let written = base
        .store
        .write(&stale, &step, &[], Some(&new), &person())
        .await;
    assert!(!written.unwrap());
    // Neither does a removal.
    step.account = None;
    assert!(!base.write(&stale, &step).await);
    let after = base.view("a").await;
    assert_eq!(
        (after.account, after.holdings),
        (before.account, before.holdings)
    );
    assert_eq!(base.store.content("a").await.unwrap(), Some(content("{}")));
    assert_eq!(base.events("a").await, ["Adopt"]);
}

#[tokio::test]
async fn a_removed_row_takes_its_holdings_along_and_its_audit_stays() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.row("b").await;
    base.hold("a", &["agent"], HoldingState::Ready).await;
    base.hold("b", &["agent"], HoldingState::Ready).await;
    let view = base.view("a").await;
    let mut step = Step::same(&view);
    (step.account, step.event) = (None, Some(Event::Released));
    assert!(base.write(&view, &step).await);
    assert!(base.store.view("a").await.unwrap().is_none());
    let holdings = base
        .select(&["account"], "FROM kubesvc_ferry_holdings")
        .await;
    assert_eq!(holdings, ["b"]);
    assert_eq!(base.events("a").await, ["Adopt", "Released"]);
}

#[tokio::test]
async fn a_step_does_not_fit_a_row_that_was_made_anew() {
    let base = Base::open(DATABASE).await;
    let old = base.row("a").await;
    let mut step = Step::same(&old);
    step.account = None;
    assert!(base.write(&old, &step).await);
    tokio::time::sleep(Duration::from_millis(5)).await;
    let new = base.row("a").await.account;
    assert_eq!(
        (new.version, new.status),
        (old.account.version, old.account.status)
    );
    assert!(!base.write(&old, &step).await);
    let step = Step::of(&old, Event::Activate, false, false, &LIMITS).unwrap();
    assert!(!base.write(&old, &step).await);
    assert_eq!(base.view("a").await.account, new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_that_write_at_once_one_wins() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    for round in 0..10 {
        let view = base.view("a").await;
        let writers: Vec<_> = (0..16)
            .map(|writer| {
                let (store, view) = (base.store.clone(), view.clone());
                let mut step = Step::same(&view);
                step.event = Some(Event::Update);
                step.account.as_mut().unwrap().message = Some(format!("{round} {writer}"));
                tokio::spawn(async move {
                    let actor = Actor {
                        who: format!("{round} {writer}"),
                        claim: None,
                        request_id: None,
                    };
                    (
                        writer,
                        store.write(&view, &step, &[], None, &actor).await.unwrap(),
                    )
                })
            })
            .collect();
        let mut winners = Vec::new();
        for writer in writers {
            let (writer, won) = writer.await.unwrap();
            winners.extend(won.then_some(writer));
        }
        let [winner] = winners[..] else {
            panic!("{winners:?} won round {round}")
        };
        let after = base.view("a").await.account;
        assert_eq!(after.message, Some(format!("{round} {winner}")));
        assert_eq!(after.version, view.account.version + 1);
    }
    let from = "FROM kubesvc_ferry_audit WHERE event = 'Update' AND who = message";
    assert_eq!(base.select(&["who"], from).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_that_make_a_row_one_does() {
    let base = Base::open(DATABASE).await;
    let makers = (0..16).map(|maker| {
        let store = base.store.clone();
        let actor = Actor {
            who: format!("{maker}"),
            claim: None,
            request_id: None,
        };
        tokio::spawn(async move { store.create(&[new("a")], &actor).await })
    });
    let mut made = 0;
    for maker in makers.collect::<Vec<_>>() {
        made += maker.await.unwrap().unwrap().len();
    }
    assert_eq!((made, base.events("a").await.len()), (1, 1));
}

#[tokio::test]
async fn a_secret_lies_in_no_byte_of_the_database() {
    const TOKEN: &str = "pla1n-t0ken";
    let base = Base::open(DATABASE).await;
    let keyring = Keyring::beside(&base.folder.path().join("key")).unwrap();
    let seal = |secret: &str| {
        let secret = SecretString::from(format!("kubeconfig with {TOKEN} {secret}"));
        Content {
            definition: r#"{"shown":"yes"}"#.to_owned(),
            secret: Some(keyring.seal("a", &secret).unwrap()),
            inline: false,
        }
    };
    let row = NewRow {
        content: seal("first"),
        ..new("a")
    };
    base.store.create(&[row], &Actor::ferry()).await.unwrap();
    let view = base.view("a").await;
    let second = seal("second");
    let step = Step::of(&view, Event::Update, false, false, &LIMITS).unwrap();
    assert!(
        base.store
            .write(&view, &step, &[], Some(&second), &Actor::ferry())
            .await
            .unwrap()
    );
    let bytes = base.bytes().await;
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds(r#"{"shown":"yes"}"#), "the bytes are the database's");
    assert!(!holds(TOKEN));
    let base = base.reopen().await;
    let kept = base.store.content("a").await.unwrap().unwrap();
    assert_eq!(kept, second);
    let opened = keyring.open_sealed("a", &kept.secret.unwrap()).unwrap();
    assert_eq!(
        opened.expose_secret(),
        format!("kubeconfig with {TOKEN} second")
    );
    // A definition without secrets leaves none behind.
    let view = base.view("a").await;
    let step = Step::of(&view, Event::Update, false, false, &LIMITS).unwrap();
    assert!(
        base.store
            .write(&view, &step, &[], Some(&content("{}")), &Actor::ferry())
            .await
            .unwrap()
    );
    assert_eq!(base.store.content("a").await.unwrap(), Some(content("{}")));
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.hold("a", &["agent"], HoldingState::Dropping).await;
    let agent = registration("other", "s", vec![said("a", 5, Some(HoldingState::Ready))]);
    base.store.register(&agent).await.unwrap();
    let before = base.view("a").await;
    let base = base.reopen().await;
    let after = base.view("a").await;
    assert_eq!(
        (after.account, after.holdings),
        (before.account, before.holdings)
    );
    assert_eq!(base.store.agents().await.unwrap()[0].agent_id, "other");
    base.store.ping().await.unwrap();
    base.store.close().await;
    assert!(base.store.ping().await.is_err());
    assert!(base.store.view("a").await.is_err());
}

#[tokio::test]
async fn a_word_that_is_none_is_named() {
    let base = Base::open(DATABASE).await;
    base.row("a").await;
    base.run("UPDATE kubesvc_accounts SET status = 'ASLEEP'")
        .await;
    let error = base.store.view("a").await.unwrap_err().to_string();
    for part in [
        "kubesvc_accounts",
        "`a`",
        "status",
        "`ASLEEP` is none of INACTIVE",
    ] {
        assert!(error.contains(part), "{error}");
    }
}
