//! Writes with references to secrets, which Clouddriver's API does not show: of `resolving` it shows what
//! they name, of the others it leaves the account out.

use super::*;
use secrecy::ExposeSecret;

const ONE: &str = "encryptedFile:k8s!n:one!k:it.yml";
const TWO: &str = "encryptedFile:k8s!n:two!k:it.yml";
const RESOLVED: &str = "users:\n- token: r3solved";
const INLINE: &str = "users:\n- token: inl1ne";

impl Post {
    async fn write(&self, method: Method, name: &str, fields: Value) -> Interception {
        let mut body = json!({"type": "kubernetes", "name": name});
        let fields = fields.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let begun = self.begin(method, "/credentials", body).await;
        begun.unwrap()
    }

    /// A PUT that Clouddriver took; `shown` is what it shows afterwards, if anything.
    async fn puts(&self, fields: Value, shown: Option<Value>) {
        let begun = self.write(Method::PUT, "a", fields).await;
        self.shows(shown);
        begun.settle(answered(200)).await;
        assert_eq!(self.open_intents().await, 0);
    }

    fn shows(&self, shown: Option<Value>) {
        match shown {
            Some(fields) => self.source.put("a", fields),
            None => self.source.remove("a"),
        }
    }

    /// The process dies once the write is accepted, and before anything else is recorded.
    async fn dies_after(&self, begun: Interception) {
        self.source.answer(Some(StatusCode::BAD_GATEWAY));
        begun.settle(answered(200)).await;
        self.source.answer(None);
    }

    /// What is kept of `a`: its public part and its secrets.
    async fn kept(&self) -> (Value, String) {
        let content = self.store.content("a").await.unwrap().unwrap();
        let secrets = self.interceptor.lifecycle.secrets_for_tests("a").await;
        let secrets = secrets.map(|secrets| secrets.expose_secret().to_owned());
        (
            serde_json::from_str(&content.definition).unwrap(),
            secrets.unwrap_or_default(),
        )
    }

    async fn refers_to(&self, field: &str, reference: &str) {
        let (public, secrets) = self.kept().await;
        assert_eq!(public[field], reference);
        assert_eq!(secrets, "");
    }

    async fn has_inline(&self, field: &str, contents: &str) {
        let (public, secrets) = self.kept().await;
        assert_eq!(public[field], "[redacted]", "{public}");
        let secrets: Value = serde_json::from_str(&secrets).unwrap();
        assert_eq!(secrets[format!("/{field}")], contents);
    }
}

fn file(reference: &str) -> Value {
    json!({"kubeconfigFile": reference})
}

fn contents(text: &str) -> Value {
    json!({"kubeconfigContents": text})
}

/// What Clouddriver shows of an account with a reference: what it names, or nothing.
fn shown(field: &str) -> [Option<Value>; 2] {
    [Some(json!({field: RESOLVED, "cacheThreads": 1})), None]
}

#[tokio::test]
async fn a_reference_is_kept_as_it_is_written() {
    for field in ["kubeconfigFile", "kubeconfigContents"] {
        for shown in shown(field) {
            let post = Post::open().await;
            let begun = post.write(Method::POST, "a", json!({field: ONE})).await;
            post.shows(shown.clone());
            begun.settle(answered(200)).await;
            assert_eq!(post.status("a").await, Some(Status::Inactive));
            post.refers_to(field, ONE).await;
            post.puts(json!({field: TWO, "namespaces": ["n"]}), shown)
                .await;
            post.refers_to(field, TWO).await;
        }
    }
}

#[tokio::test]
async fn all_but_the_reference_is_what_the_source_says() {
    let post = Post::open().await;
    let begun = post.write(Method::POST, "a", file(ONE)).await;
    post.shows(Some(
        json!({"kubeconfigFile": RESOLVED, "namespaces": ["later"]}),
    ));
    begun.settle(answered(200)).await;
    post.refers_to("kubeconfigFile", ONE).await;
    assert_eq!(post.kept().await.0["namespaces"], json!(["later"]));
}

#[tokio::test]
async fn a_reference_of_an_engine_that_is_not_there_is_not_followed() {
    for reference in [
        "encrypted:noop!v:x",
        "encrypted:vault!e:x!p:y!k:z",
        "encrypted:k8s!n",
    ] {
        let post = Post::open().await;
        post.puts(contents(reference), Some(contents(RESOLVED)))
            .await;
        post.has_inline("kubeconfigContents", RESOLVED).await;
        // Left out it waits for its engine, and says so when it is sent. Clouddriver always has noop.
        if !reference.contains("noop") {
            post.puts(contents(reference), None).await;
            post.refers_to("kubeconfigContents", reference).await;
        }
    }
}

#[tokio::test]
async fn a_reference_gives_way_to_a_kubeconfig_and_back() {
    for (field, inline) in [
        ("kubeconfigFile", "kubeconfigContents"),
        ("kubeconfigContents", "kubeconfigContents"),
    ] {
        for shown in shown(field) {
            let post = Post::open().await;
            post.puts(json!({field: ONE}), shown.clone()).await;
            let plain = json!({inline: INLINE});
            post.puts(plain.clone(), Some(plain)).await;
            post.has_inline(inline, INLINE).await;
            post.puts(json!({field: TWO}), shown).await;
            post.refers_to(field, TWO).await;
        }
    }
}

#[tokio::test]
async fn the_same_survives_a_death_after_clouddriver_answered() {
    for field in ["kubeconfigFile", "kubeconfigContents"] {
        for shown in shown(field) {
            let post = Post::open().await;
            let begun = post.write(Method::POST, "a", json!({field: ONE})).await;
            post.shows(shown.clone());
            post.dies_after(begun).await;
            post.resume().await;
            post.refers_to(field, ONE).await;

            let plain = contents(INLINE);
            let begun = post.write(Method::PUT, "a", plain.clone()).await;
            post.shows(Some(plain));
            post.dies_after(begun).await;
            post.resume().await;
            post.has_inline("kubeconfigContents", INLINE).await;

            let begun = post.write(Method::PUT, "a", json!({field: TWO})).await;
            post.shows(shown);
            post.dies_after(begun).await;
            post.resume().await;
            post.refers_to(field, TWO).await;
            assert_eq!(post.open_intents().await, 0);
        }
    }
}

#[tokio::test]
async fn one_that_died_open_does_not_undo_what_was_written_after_it() {
    for shown in shown("kubeconfigContents") {
        let post = Post::open().await;
        let begun = post.write(Method::POST, "a", contents(INLINE)).await;
        post.shows(Some(contents(INLINE)));
        post.dies_after(begun).await;
        let begun = post.write(Method::PUT, "a", contents(ONE)).await;
        post.shows(shown.clone());
        begun.settle(answered(200)).await;
        assert_eq!(post.status("a").await, None, "what made it is still open");
        post.resume().await;
        post.refers_to("kubeconfigContents", ONE).await;

        let begun = post.write(Method::PUT, "a", contents(TWO)).await;
        post.shows(shown);
        post.dies_after(begun).await;
        post.puts_while_open(contents(INLINE)).await;
        post.resume().await;
        post.has_inline("kubeconfigContents", INLINE).await;
    }
}

impl Post {
    /// A PUT that Clouddriver took while others are open.
    async fn puts_while_open(&self, fields: Value) {
        let begun = self.write(Method::PUT, "a", fields.clone()).await;
        self.shows(Some(fields));
        begun.settle(answered(200)).await;
    }
}

#[tokio::test]
async fn of_two_at_the_same_time_the_sources_last_word_counts() {
    for reference_first in [true, false] {
        for reference_last in [true, false] {
            for settles_first in [true, false] {
                for by_name in shown("kubeconfigFile") {
                    let post = Post::open().await;
                    post.puts(json!({"context": "c"}), Some(json!({"context": "c"})))
                        .await;
                    let (plain, named) = (contents(INLINE), file(ONE));
                    let (reference, inline) = match reference_first {
                        true => {
                            let reference = post.write(Method::PUT, "a", named).await;
                            (reference, post.write(Method::PUT, "a", plain.clone()).await)
                        }
                        false => {
                            let inline = post.write(Method::PUT, "a", plain.clone()).await;
                            (post.write(Method::PUT, "a", named).await, inline)
                        }
                    };
                    post.shows(match reference_last {
                        true => by_name,
                        false => Some(plain),
                    });
                    let (first, second) = match settles_first {
                        true => (reference, inline),
                        false => (inline, reference),
                    };
                    first.settle(answered(200)).await;
                    second.settle(answered(200)).await;
                    // What is not shown is looked for once more.
                    post.interceptor.settle_once(true).await.unwrap();
                    assert_eq!(post.open_intents().await, 0);
                    match reference_last {
                        true => post.refers_to("kubeconfigFile", ONE).await,
                        false => post.has_inline("kubeconfigContents", INLINE).await,
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_the_source_cannot_tell_apart_is_decided_by_which_began_last() {
    for reference_first in [true, false] {
        for settles_first in [true, false] {
            let post = Post::open().await;
            post.puts(contents("users: []\n"), Some(contents("users: []\n")))
                .await;
            let fields = [contents(ONE), contents(INLINE)];
            let order = if reference_first { [0, 1] } else { [1, 0] };
            let mut begun = Vec::new();
            for at in order {
                begun.push(post.write(Method::PUT, "a", fields[at].clone()).await);
                post.tick().await;
            }
            post.shows(Some(contents(RESOLVED)));
            if !settles_first {
                begun.reverse();
            }
            for begun in begun {
                begun.settle(answered(200)).await;
            }
            match reference_first {
                true => post.has_inline("kubeconfigContents", RESOLVED).await,
                false => post.refers_to("kubeconfigContents", ONE).await,
            }
        }
    }
}

impl Post {
    /// Until the database's clock has gone on: what began then began later.
    async fn tick(&self) {
        let now = self.store.open_intents().await.unwrap().1;
        while self.store.open_intents().await.unwrap().1 == now {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn one_whose_answer_nobody_heard_counts_where_the_source_shows_it() {
    // New, and shown.
    let post = Post::open().await;
    drop(post.write(Method::POST, "a", file(ONE)).await);
    post.shows(Some(file(RESOLVED)));
    post.resume().await;
    post.refers_to("kubeconfigFile", ONE).await;

    // It was shown, and is left out since.
    let post = Post::open().await;
    post.puts(contents(INLINE), Some(contents(INLINE))).await;
    drop(post.write(Method::PUT, "a", file(ONE)).await);
    post.resume().await;
    post.has_inline("kubeconfigContents", INLINE).await;
    post.shows(None);
    post.resume().await;
    post.refers_to("kubeconfigFile", ONE).await;

    // It shows another text in the same place.
    let post = Post::open().await;
    post.puts(contents(INLINE), Some(contents(INLINE))).await;
    drop(post.write(Method::PUT, "a", contents(ONE)).await);
    post.resume().await;
    post.has_inline("kubeconfigContents", INLINE).await;
    post.shows(Some(contents(RESOLVED)));
    post.resume().await;
    post.refers_to("kubeconfigContents", ONE).await;

    // Back to a kubeconfig.
    drop(post.write(Method::PUT, "a", contents(INLINE)).await);
    post.resume().await;
    post.refers_to("kubeconfigContents", ONE).await;
    post.shows(Some(contents(INLINE)));
    post.resume().await;
    post.has_inline("kubeconfigContents", INLINE).await;

    // New, and left out: nobody can tell, and it is sent again.
    let post = Post::open().await;
    drop(post.write(Method::POST, "a", file(ONE)).await);
    post.resume().await;
    assert_eq!(post.status("a").await, None);
}

#[tokio::test]
async fn an_account_that_is_left_out_is_deleted_and_made_anew() {
    let post = Post::open().await;
    post.puts(file(ONE), None).await;
    post.delete("a").await.settle(Outcome::Unknown).await;
    post.sql("UPDATE kubesvc_ferry_intents SET opened_at = opened_at - 3600000")
        .await;
    post.resume().await;
    assert_eq!(post.status("a").await, Some(Status::Inactive));
    let begun = post.delete("a").await;
    post.dies_after(begun).await;
    post.resume().await;
    assert_eq!(post.status("a").await, None);
    post.puts(file(TWO), None).await;
    post.refers_to("kubeconfigFile", TWO).await;
    // Taken out of Ferry alone it is not brought back by what is written later, and may be.
    let (lifecycle, actor) = (&post.interceptor.lifecycle, Actor::ferry());
    let verb = crate::lifecycle::Verb::Delete;
    lifecycle.ask("a", verb, &actor).await.unwrap();
    post.puts(file(ONE), None).await;
    assert_eq!(post.status("a").await, None);
    let found = lifecycle.at_clouddriver(&["a"], None).await.unwrap();
    assert_eq!(found["a"]["kubeconfigFile"], ONE);
}

#[tokio::test]
async fn what_a_write_has_beside_its_references_is_in_no_table() {
    let post = Post::open().await;
    let body = json!({"kubeconfigFile": ONE, "context": "c", "oauthToken": "pla1n-t0ken"});
    let begun = post.write(Method::POST, "a", body).await;
    let journaled = post
        .sql("SELECT definition FROM kubesvc_ferry_intents")
        .await;
    assert_eq!(journaled, [json!({"kubeconfigFile": ONE}).to_string()]);
    post.shows(Some(
        json!({"kubeconfigFile": RESOLVED, "context": "c", "oauthToken": "pla1n-t0ken"}),
    ));
    begun.settle(answered(200)).await;
    let (public, secrets) = post.kept().await;
    assert_eq!(public["kubeconfigFile"], ONE);
    assert_eq!(secrets, r#"{"/oauthToken":"pla1n-t0ken"}"#);
    let written = post
        .sql("SELECT definition FROM kubesvc_ferry_written")
        .await;
    assert_eq!(written, journaled);
    // This engine's reference is the secret itself.
    let open = json!({"kubeconfigFile": ONE, "oauthToken": "encrypted:noop!v:pla1n-t0ken"});
    let open = post.write(Method::PUT, "a", open).await;
    assert_eq!(
        post.sql("SELECT definition FROM kubesvc_ferry_intents")
            .await,
        journaled
    );
    open.settle(answered(400)).await;
    // Without a reference nothing is journaled of it.
    let begun = post.write(Method::PUT, "b", contents(INLINE)).await;
    let none = "SELECT COALESCE(definition, 'none') FROM kubesvc_ferry_intents";
    assert_eq!(post.sql(none).await, ["none"]);
    drop(begun);
}
