//! Secrets under one key and then under another: what changed in between stays as it is.

use super::*;
use crate::secret::{Keyring, Sealed};

/// The tables do not look at what is sealed.
fn sealed(key_id: &str, bytes: &[u8]) -> Sealed {
    Sealed {
        key_id: key_id.to_owned(),
        bytes: bytes.to_vec(),
    }
}

async fn row(base: &Base, name: &str, secret: Sealed) {
    let mut row = new(name);
    row.content.secret = Some(secret);
    let made = base.store.create(&[row], &Actor::ferry()).await.unwrap();
    assert_eq!(made.len(), 1);
}

async fn kept(base: &Base, name: &str) -> Sealed {
    let content = base.store.content(name).await.unwrap().unwrap();
    content.secret.unwrap()
}

fn uses(of: &[(&str, i64)]) -> Vec<KeyUse> {
    let uses = of.iter().map(|(key_id, secrets)| KeyUse {
        key_id: (*key_id).to_owned(),
        secrets: *secrets,
    });
    uses.collect()
}

#[tokio::test]
async fn only_what_another_key_seals_is_found_and_only_what_is_as_it_was_is_changed() {
    let base = Base::open(DATABASE).await;
    let store = &base.store;
    base.row("none").await;
    let at_source = Keyring::none().seal("s", &SecretString::from("x")).unwrap();
    row(&base, "at-source", at_source).await;
    row(&base, "b", sealed("old", b"b-old")).await;
    row(&base, "a", sealed("old", &[0, 255, b'%', b'?'])).await;
    row(&base, "new", sealed("new", b"n")).await;
    base.run(
        "INSERT INTO kubesvc_ferry_next (name, wanted, definition, secret, secret_key_id)
         SELECT name, 'INACTIVE', '{}', secret, secret_key_id FROM kubesvc_accounts
         WHERE name = 'b'",
    )
    .await;
    assert_eq!(
        store.key_uses().await.unwrap(),
        uses(&[("new", 1), ("old", 3)])
    );

    let find = async |place, last| {
        let found = store.sealed_otherwise(place, "new", last, 1).await.unwrap();
        found.into_iter().next()
    };
    let a = find(Place::Accounts, "").await.unwrap();
    assert_eq!(a, ("a".to_owned(), sealed("old", &[0, 255, b'%', b'?'])));
    let b = find(Place::Accounts, "a").await.unwrap();
    assert_eq!(b, ("b".to_owned(), sealed("old", b"b-old")));
    assert_eq!(find(Place::Accounts, "b").await, None);
    let next = find(Place::Next, "").await.unwrap();
    assert_eq!(next, b);

    let with = |(name, before): (String, Sealed), bytes: &[u8]| Resealed {
        name,
        before,
        after: sealed("new", bytes),
    };
    let before = base.view("a").await.account;
    row_changes(&base, "b").await;
    let both = [with(a.clone(), b"a-new"), with(b, b"b-new")];
    assert_eq!(store.reseal(Place::Accounts, &both).await.unwrap(), 1);
    assert_eq!(kept(&base, "a").await, sealed("new", b"a-new"));
    assert_eq!(kept(&base, "b").await, sealed("old", b"b-other"));
    assert_eq!(base.view("a").await.account, before, "nobody else notices");
    let again = [with(a, b"a-newer")];
    assert_eq!(store.reseal(Place::Accounts, &again).await.unwrap(), 0);
    assert_eq!(kept(&base, "a").await, sealed("new", b"a-new"));
    let next = [with(next, b"next-new")];
    assert_eq!(store.reseal(Place::Next, &next).await.unwrap(), 1);
    assert_eq!(
        store.key_uses().await.unwrap(),
        uses(&[("new", 3), ("old", 1)])
    );
}

/// Somebody brings another secret, under the old key.
async fn row_changes(base: &Base, name: &str) {
    let view = base.view(name).await;
    let mut content = content("{}");
    content.secret = Some(sealed("old", b"b-other"));
    let step = Step::same(&view);
    let (ferry, content) = (Actor::ferry(), Some(&content));
    let written = base.store.write(&view, &step, &[], content, &ferry).await;
    assert!(written.unwrap());
}

#[tokio::test]
async fn a_core_that_lacks_a_key_is_named_while_it_is_up() {
    let base = Base::open(DATABASE).await;
    let store = &base.store;
    let limits = Limits {
        transition: Duration::from_secs(60),
        retry: Duration::from_secs(5),
        max_retries: 3,
    };
    store.enter("one", &limits).await.unwrap();
    assert_eq!(store.cores_without_key("k").await.unwrap(), ["one"]);
    store.announce_keys("one", &["k", "old"]).await.unwrap();
    store.announce_keys("one", &["k", "old"]).await.unwrap();
    for key_id in ["k", "old"] {
        let without = store.cores_without_key(key_id).await.unwrap();
        assert!(without.is_empty(), "{without:?}");
    }
    assert_eq!(store.cores_without_key("other").await.unwrap(), ["one"]);
    store.announce_keys("one", &["k"]).await.unwrap();
    assert_eq!(store.cores_without_key("old").await.unwrap(), ["one"]);
    base.run("UPDATE kubesvc_ferry_cores SET last_seen = 1")
        .await;
    let without = store.cores_without_key("old").await.unwrap();
    assert!(without.is_empty(), "it is not up");
    store.exit("one").await.unwrap();
    store.enter("two", &limits).await.unwrap();
    store.announce_keys("two", &["k"]).await.unwrap();
    let left = base.select(&["core_id"], "FROM kubesvc_ferry_keys").await;
    assert_eq!(left, ["two"]);
}
