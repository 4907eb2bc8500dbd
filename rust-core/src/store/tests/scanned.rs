//! What the scan asks of our tables, and of Clouddriver's.

use super::*;
use crate::account::step::Tombstone;
use crate::source::{Cursor, Source};

async fn clouddriver(base: &Base, statements: &[String]) {
    for statement in statements {
        match &base.schema {
            Some(schema) => drop(schema.query(statement)),
            None => base.run(statement).await,
        }
    }
}

/// Clouddriver's table, as its owner makes it.
async fn accounts(base: &Base) -> Source {
    let mut statements =
        vec![
        "CREATE TABLE accounts (id VARCHAR(255) PRIMARY KEY, type VARCHAR(50) NOT NULL, body JSON,
         created_at BIGINT, last_modified_at BIGINT)"
            .replace("JSON", if base.schema.is_some() { "JSON" } else { "TEXT" }),
    ];
    if matches!(base.location, Location::Postgres { .. }) {
        statements.push("GRANT SELECT ON accounts TO PUBLIC".to_owned());
    }
    clouddriver(base, &statements).await;
    Source::table(base.store.pool()).await.unwrap().unwrap()
}

fn insert(id: &str, of_type: &str, modified: Option<i64>) -> String {
    let modified = modified.map_or("NULL".to_owned(), |at| at.to_string());
    format!(
        "INSERT INTO accounts (id, type, body, last_modified_at)
         VALUES ('{id}', '{of_type}', '{{\"kubeconfigFile\":\"/{id}\"}}', {modified})"
    )
}

fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// What one look finds.
async fn look(source: &Source, cursor: &mut Cursor) -> Vec<String> {
    let mut names = Vec::new();
    while let Some(page) = source.changed(cursor).await.unwrap() {
        for (name, account) in page {
            assert_eq!(account["name"], name.as_str());
            names.push(name);
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn a_look_at_the_table_finds_what_changed_since() {
    let base = Base::open(DATABASE).await;
    let source = accounts(&base).await;
    let hour = 3_600_000;
    let mut rows = vec![
        insert("old", "kubernetes", Some(now() - hour)),
        insert("timeless", "kubernetes", None),
        insert("other", "aws", Some(now())),
    ];
    // More than a page, all of one time.
    let bulk = now() - hour;
    rows.extend((0..600).map(|at| insert(&format!("many-{at:03}"), "kubernetes", Some(bulk))));
    clouddriver(&base, &[rows.join(";\n")]).await;
    let mut cursor = Cursor::default();
    assert_eq!(look(&source, &mut cursor).await.len(), 602);
    assert_eq!(look(&source, &mut cursor).await, [""; 0]);

    clouddriver(&base, &[insert("new", "kubernetes", Some(now() - 60_000))]).await;
    assert_eq!(
        look(&source, &mut cursor).await,
        ["new"],
        "its clock may be late"
    );
    assert_eq!(look(&source, &mut cursor).await, [""; 0]);
    let later = now();
    let change =
        |id: &str| format!("UPDATE accounts SET last_modified_at = {later} WHERE id = '{id}'");
    clouddriver(&base, &[change("new"), change("many-599"), change("old")]).await;
    assert_eq!(look(&source, &mut cursor).await, ["many-599", "new", "old"]);
    assert_eq!(look(&source, &mut cursor).await, [""; 0]);

    let mut walked = Vec::new();
    for _ in 0..5 {
        walked.extend(source.walk(&mut cursor, 201).await.unwrap());
    }
    assert_eq!(walked.len(), 603 + 201, "an empty one, and it begins anew");
    let names = ["old", "gone", "other", "OLD"].map(str::to_owned);
    let missing = source.missing(&cursor, &names).await.unwrap();
    assert_eq!(missing, ["gone", "other", "OLD"]);
    for (name, of_type) in [
        ("old", Some("kubernetes")),
        ("other", Some("aws")),
        ("gone", None),
    ] {
        let found = source.type_of(name, None).await.unwrap();
        assert_eq!(found.as_deref(), of_type, "{name}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_name_is_told() {
    let base = Base::open(DATABASE).await;
    base.row("row").await;
    let inline = NewRow {
        content: Content {
            inline: true,
            ..content("{}")
        },
        ..new("inline")
    };
    base.store.create(&[inline], &Actor::ferry()).await.unwrap();
    let deleted = base.row("buried").await;
    let mut step = Step::same(&deleted);
    (step.account, step.tombstone) = (None, Tombstone::Laid);
    assert!(base.write(&deleted, &step).await);
    let row = |inline, gone| Known::Row {
        status: Status::Inactive,
        inline,
        gone,
    };
    let names = ["row", "inline", "buried", "nobody"].map(str::to_owned);
    let facts = base.store.facts(&names).await.unwrap();
    assert_eq!(facts.get("row"), Some(&row(false, false)));
    assert_eq!(facts.get("inline"), Some(&row(true, false)));
    assert_eq!(facts.get("buried"), Some(&Known::Buried));
    assert_eq!(facts.get("nobody"), None);
    let buried = base.store.buried("buried").await.unwrap().unwrap();
    assert_eq!(buried.who, "ferry");
    assert!(base.store.content("inline").await.unwrap().unwrap().inline);

    base.store.mark_gone(&names, true).await.unwrap();
    let facts = base.store.facts(&names).await.unwrap();
    assert_eq!(facts.get("row"), Some(&row(false, true)));
    assert_eq!(
        facts.get("inline"),
        Some(&row(true, false)),
        "it was never there"
    );
    assert!(base.store.gone_at("row").await.unwrap().unwrap() > 1_500_000_000_000);
    let followers = base.store.followers("", 10).await.unwrap();
    assert_eq!(followers, [("row".to_owned(), true)]);
    base.store.mark_gone(&names, false).await.unwrap();
    assert_eq!(base.store.gone_at("row").await.unwrap(), None);

    assert_eq!(base.store.tombstones("", 10).await.unwrap(), ["buried"]);
    assert_eq!(base.store.tombstones("buried", 10).await.unwrap(), [""; 0]);
    base.store.unbury(&names).await.unwrap();
    assert_eq!(base.store.buried("buried").await.unwrap(), None);
}

#[tokio::test]
async fn a_new_row_clears_the_mark_of_a_deleted_one() {
    let base = Base::open(DATABASE).await;
    let deleted = base.row("a").await;
    let mut step = Step::same(&deleted);
    (step.account, step.tombstone) = (None, Tombstone::Laid);
    assert!(base.write(&deleted, &step).await);
    base.row("a").await;
    assert_eq!(base.store.buried("a").await.unwrap(), None);
}

#[tokio::test]
async fn a_row_that_goes_on_at_once_is_told_in_two_steps() {
    let base = Base::open(DATABASE).await;
    let row = NewRow {
        activate: Some(LIMITS),
        ..new("a")
    };
    base.store.create(&[row], &Actor::ferry()).await.unwrap();
    let view = base.view("a").await;
    assert_eq!(view.account.status, Status::ToMigrate);
    let due = view.account.due_at.unwrap() - view.account.last_updated;
    assert_eq!(due, 60_000);
    assert_eq!(base.events("a").await, ["Activate", "Adopt"]);
}

#[tokio::test]
async fn one_core_has_a_lease_until_it_is_over() {
    let base = Base::open(DATABASE).await;
    let lasts = Duration::from_secs(600);
    let take = |core| base.store.lease("scan", core, lasts);
    assert!(take("one").await.unwrap());
    assert!(take("one").await.unwrap(), "renewed");
    assert!(!take("two").await.unwrap());
    base.store.release_leases("one").await.unwrap();
    assert!(take("two").await.unwrap());
    base.run("UPDATE kubesvc_ferry_leases SET until_at = 1")
        .await;
    assert!(take("one").await.unwrap());
    assert!(!take("two").await.unwrap());
}
