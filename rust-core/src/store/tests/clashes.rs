//! Several cores on one server: they make the tables once, and a transaction that the server gives
//! up for the sake of another is tried again.

use super::*;

const KIND: Kind = match DATABASE {
    On::Server(kind) => kind,
    On::File => panic!("a file is one core's"),
};

#[tokio::test]
async fn stores_that_open_an_empty_schema_at_once_make_its_tables_once() {
    let location = location(&Database::shared(KIND).schema());
    let open = || Store::open(&location);
    let (one, two, three, four) = tokio::join!(open(), open(), open(), open());
    for store in [one, two, three, four] {
        store.unwrap().ping().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_victim_of_a_deadlock_tries_again() {
    let base = Base::open(DATABASE).await;
    for name in ["a", "b"] {
        base.row(name).await;
    }
    base.hold("a", &["agent"], HoldingState::Pending).await;
    base.hold("b", &["agent"], HoldingState::Pending).await;
    let held = |name| said(name, 5, Some(HoldingState::Pending));
    let agent = registration("agent", "s", vec![held("a"), held("b")]);
    base.store.register(&agent).await.unwrap();

    // The one that has done more is spared.
    let mut other = base.store.pool.write().await.unwrap();
    for number in 0..40 {
        let insert = "INSERT INTO kubesvc_ferry_cores (core_id, last_seen) VALUES (?, 0)";
        let id = format!("core-{number}");
        crate::sql::sql(insert)
            .text(id.as_str())
            .run(&mut other)
            .await
            .unwrap();
    }
    let touch = "UPDATE kubesvc_accounts SET failed_count = 7 WHERE name = ?";
    crate::sql::sql(touch)
        .text("b")
        .run(&mut other)
        .await
        .unwrap();
    let store = base.store.clone();
    // It changes `a`, then waits for `b`.
    let leaving = tokio::spawn(async move { store.leave("agent", "s").await });
    waits_for_a_lock(base.schema.clone().unwrap()).await;
    crate::sql::sql(touch)
        .text("a")
        .run(&mut other)
        .await
        .unwrap();
    other.commit().await.unwrap();
    let gone = leaving.await.unwrap().unwrap();
    assert_eq!(gone.affected, ["a", "b"]);
    for name in ["a", "b"] {
        let view = base.view(name).await;
        assert_eq!(view.account.failed_count, 7);
        assert_eq!(view.holdings[0].state, HoldingState::Away);
    }
}

/// Waits until a transaction of the server waits for another.
async fn waits_for_a_lock(schema: Schema) {
    let waiting = match KIND {
        Kind::MariaDb => {
            "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        }
        Kind::Postgres => {
            "SELECT COUNT(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'"
        }
    };
    let waits = move || match schema.query(waiting) == ["0"] {
        true => Err("nobody waits".to_owned()),
        false => Ok(()),
    };
    let waited = || ferry_tests::wait::until(Duration::from_secs(30), waits);
    tokio::task::spawn_blocking(waited).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cores_and_agents_of_the_same_accounts_do_not_fail_each_other() {
    const ACCOUNTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
    const AGENTS: usize = 4;
    const ROUNDS: i64 = 12;
    let base = Base::open(DATABASE).await;
    for name in ACCOUNTS {
        base.row(name).await;
    }
    let other = Store::open(&base.location).await.unwrap();
    let mut tasks = Vec::new();
    for number in 0..AGENTS {
        let store = if number % 2 == 0 {
            base.store.clone()
        } else {
            other.clone()
        };
        tasks.push(tokio::spawn(async move {
            let agent = format!("agent-{number}");
            for round in 0..ROUNDS {
                let held = |name: &&str| said(name, round, Some(HoldingState::Ready));
                // Not in the order of names.
                let mut held: Vec<Held> = ACCOUNTS.iter().map(held).collect();
                held.rotate_left(number);
                let session = format!("s{round}");
                let registration = registration(&agent, &session, held.clone());
                store.register(&registration).await?;
                let (one, many) = held.split_at(1);
                for held in [one, many] {
                    let reports = held.iter().map(|held| report(&agent, &session, held));
                    store.report(&reports.collect::<Vec<_>>()).await?;
                }
                store.leave(&agent, &session).await?;
            }
            Ok::<_, StoreError>(())
        }));
    }
    for store in [base.store.clone(), other.clone()] {
        tasks.push(tokio::spawn(async move {
            for round in 0..ROUNDS {
                store.enter(&format!("core-{round}"), &LIMITS).await?;
                store.seen("core", &LIMITS).await?;
                for name in ACCOUNTS {
                    let view = store.view(name).await?.expect("nobody removes it");
                    let mut step = Step::same(&view);
                    step.holdings.clear();
                    store
                        .write(&view, &step, &[], None, &Actor::ferry())
                        .await?;
                }
            }
            Ok(())
        }));
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}
