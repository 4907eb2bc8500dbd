//! Parts of the list of all accounts: ours, and Clouddriver's table beside them.

use super::*;
use crate::source::{Names, Source as Clouddriver};

/// Rows, static accounts and accounts of Clouddriver's, some of them in two or all three places,
/// with names whose order tells bytes from letters.
async fn mixed() -> (Base, Clouddriver) {
    let base = Base::open(DATABASE).await;
    base.rows(&["B", "a b", "both", "three", "ä"]).await;
    base.change("ä", |account| account.status = Status::Active)
        .await;
    let brought = ["a-", "three"].map(|name| StaticAccount {
        definition: "{}".to_owned(),
        held: said(name, 0, None),
    });
    let agent = Registration {
        static_accounts: brought.into(),
        ..registration("agent", "s", Vec::new())
    };
    base.store.register(&agent).await.unwrap();
    let theirs = ["a", "both", "C", "three", "z", "é"].map(|name| ("kubernetes", name));
    let others = [("aws", "aws"), ("aws", "b")];
    let source = base.clouddriver(&[&theirs[..], &others].concat()).await;
    (base, source)
}

const ALL: [&str; 10] = ["B", "C", "a", "a b", "a-", "both", "three", "z", "ä", "é"];

async fn query(source: &Clouddriver) -> String {
    match source.names(None, false).await.unwrap() {
        Names::Query(query, _) => query,
        listed => panic!("it is a table: {listed:?}"),
    }
}

#[tokio::test]
async fn parts_follow_one_another_in_byte_order_without_gap() {
    let (base, source) = mixed().await;
    let query = query(&source).await;
    for limit in [1, 3, 10, 1000] {
        let mut names = Vec::new();
        for after in (0..10).step_by(usize::try_from(limit).unwrap()) {
            let part = Part { after, limit };
            let filter = Filter::default();
            let part = base.store.part(&filter, Some(&query), part).await;
            let (part, total) = part.unwrap();
            assert_eq!(total, 10);
            assert!(part.len() as u64 <= limit);
            names.extend(part);
        }
        assert_eq!(names, ALL, "{limit}");
    }
    let beyond = Part {
        after: 10,
        limit: 5,
    };
    let filter = Filter::default();
    let part = base.store.part(&filter, Some(&query), beyond).await;
    assert_eq!(part.unwrap(), (Vec::new(), 10));
}

#[tokio::test]
async fn filters_narrow_parts_and_their_counts() {
    let (base, source) = mixed().await;
    let query = query(&source).await;
    let text = |text: &str| Some(text.to_owned());
    let all = Filter::default;
    for (filter, beside, expected) in [
        (all(), None, &["B", "a b", "a-", "both", "three", "ä"][..]),
        (
            Filter {
                name: text("a"),
                ..all()
            },
            Some(&query),
            &["a", "a b", "a-"],
        ),
        (
            Filter {
                source: Some(Source::Clouddriver),
                ..all()
            },
            Some(&query),
            &["B", "C", "a", "a b", "both", "z", "ä", "é"],
        ),
        (
            Filter {
                status: Some(Status::Active),
                ..all()
            },
            None,
            &["ä"],
        ),
        (
            Filter {
                zone_id: text("Z"),
                ..all()
            },
            None,
            &["a-", "three"],
        ),
        (
            Filter {
                agent_id: text("nobody"),
                ..all()
            },
            None,
            &[],
        ),
    ] {
        let part = Part {
            after: 0,
            limit: 100,
        };
        let beside = beside.map(String::as_str);
        let (names, total) = base.store.part(&filter, beside, part).await.unwrap();
        assert_eq!(names, expected, "{filter:?}");
        assert_eq!(total, expected.len() as u64, "{filter:?}");
    }
}

#[tokio::test]
async fn clouddrivers_table_has_what_is_asked_for_letter_by_letter() {
    let (_base, source) = mixed().await;
    let some = ["A", "a", "aws", "nobody", "z"];
    let found = source.some_stored(&some, None).await.unwrap();
    let names: Vec<&String> = found.keys().collect();
    assert_eq!(names, ["a", "z"]);
    assert_eq!(
        (&found["z"]["by"], &found["z"]["name"]),
        (&"z".into(), &"z".into())
    );
    assert_eq!(
        source.find("a", None).await.unwrap().as_ref(),
        Some(&found["a"])
    );
    assert!(source.find("A", None).await.unwrap().is_none());
    assert!(source.find("aws", None).await.unwrap().is_none());
}
