//! Definitions that come with a request and are kept here alone.

use super::{Asked, Lifecycle, Moved, Refusal, Verb};
use crate::account::View;
use crate::account::definition::{Definition, KUBECONFIGS, REDACTED, has_redacted, kubeconfigs};
use crate::account::transition::Event;
use crate::secret::Sealed;
use crate::store::{Actor, Content, NewRow};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

impl Lifecycle {
    /// The row of a new account of a request's. Nothing is written.
    pub fn inline_row(
        &self,
        name: &str,
        definition: &Definition,
        asked: Asked,
    ) -> Result<NewRow, Refusal> {
        if definition.secrets.is_some() && !self.keyring.has_key() {
            return Err(Refusal::NoKey);
        }
        let mut row = self.new_row(name, definition, asked)?;
        row.content.inline = true;
        Ok(row)
    }

    /// A new definition of a request's for an account that is here. `[redacted]` keeps what was
    /// there, and so does naming no kubeconfig. `at_agent`: a kubeconfig there that wins; without it,
    /// one that was there before wins as long as the definition brings no other.
    pub async fn revise(
        &self,
        name: &str,
        object: Map<String, Value>,
        at_agent: Option<String>,
        actor: &Actor,
    ) -> Result<Moved, Refusal> {
        if let Some(came) = super::requests::came_already(name, actor) {
            return came;
        }
        loop {
            let kept = self.revisable(name).await?;
            let revised = self.revise_kept(kept, object.clone(), at_agent.clone(), actor);
            // What was kept of it may be what somebody else replaced meanwhile.
            if let Some(moved) = revised.await? {
                return Ok(moved);
            }
        }
    }

    /// The row first: whoever changes the definition afterwards changes the row, too.
    async fn revisable(&self, name: &str) -> Result<Revisable, Refusal> {
        let view = self.store.view(name).await?.ok_or(Refusal::Unknown)?;
        if view.account.status.is_deleting() {
            return Err(super::requests::refusal(&view, Event::Update));
        }
        let content = self.store.content(name).await?.ok_or(Refusal::Unknown)?;
        Ok(Revisable { view, content })
    }

    /// `None`: the account is not any longer what is to be revised.
    async fn revise_kept(
        &self,
        Revisable { view, content }: Revisable,
        mut object: Map<String, Value>,
        at_agent: Option<String>,
        actor: &Actor,
    ) -> Result<Option<Moved>, Refusal> {
        let name = view.account.name.clone();
        let keeps_kubeconfig = kubeconfigs(&object) == 0;
        let keeps_secrets = object.values().any(has_redacted);
        let before = match self.open(&name, &content).await {
            Ok(before) => before,
            Err(cause) if keeps_kubeconfig || keeps_secrets => {
                return Err(Refusal::Unreadable(cause));
            }
            // What does not open is replaced as a whole.
            Err(_) => Definition {
                public: serde_json::from_str(&content.definition).unwrap_or_default(),
                secrets: None,
            },
        };
        let kept_secrets = secrets(&before);
        if keeps_kubeconfig {
            for field in KUBECONFIGS {
                match before.public.get(field) {
                    Some(value) => object.insert(field.to_owned(), value.clone()),
                    None => object.remove(field),
                };
            }
        }
        restore(&mut object, "", &kept_secrets).map_err(Refusal::Unfit)?;
        let definition = Definition::part(object);
        let contents = |secrets: &Map<_, _>| secrets.get("/kubeconfigContents").cloned();
        let brings_another = contents(&secrets(&definition)) != contents(&kept_secrets)
            || KUBECONFIGS
                .iter()
                .any(|field| definition.public.get(*field) != before.public.get(*field));
        let kept_file = view.account.kubeconfig_file.clone();
        let file = at_agent.or(kept_file.filter(|_| !brings_another));
        if file == view.account.kubeconfig_file && self.is_kept(&name, &content, &definition) {
            return Ok(Some(Moved::not(view.account.status)));
        }
        // Without a key those stay where they are that Clouddriver keeps.
        let stay = content.secret.as_ref().is_some_and(Sealed::is_at_source)
            && secrets(&definition) == kept_secrets;
        if definition.secrets.is_some() && !self.keyring.has_key() && !stay {
            return Err(Refusal::NoKey);
        }
        let mut content = self.close(&name, &definition)?;
        content.inline = true;
        let verb = Verb::Revise(content, file);
        self.swap(view, &verb, actor).await
    }
}

/// An account as it is to be revised.
struct Revisable {
    view: View,
    content: Content,
}

#[cfg(test)]
impl Lifecycle {
    /// What is kept secret of an account's definition.
    pub(crate) async fn secrets_for_tests(&self, name: &str) -> Option<secrecy::SecretString> {
        let content = self.store.content(name).await.unwrap().unwrap();
        self.open(name, &content).await.unwrap().secrets
    }
}

fn secrets(definition: &Definition) -> Map<String, Value> {
    let secrets = definition.secrets.as_ref();
    let secrets = secrets.map(|secrets| serde_json::from_str(secrets.expose_secret()));
    secrets.and_then(Result::ok).unwrap_or_default()
}

/// Puts the kept values where `[redacted]` stands.
fn restore(
    object: &mut Map<String, Value>,
    path: &str,
    secrets: &Map<String, Value>,
) -> Result<(), String> {
    for (field, value) in object.iter_mut() {
        let path = format!("{path}/{}", field.replace('~', "~0").replace('/', "~1"));
        restore_value(value, &path, secrets)?;
    }
    Ok(())
}

fn restore_value(
    value: &mut Value,
    path: &str,
    secrets: &Map<String, Value>,
) -> Result<(), String> {
    match value {
        Value::String(text) if text == REDACTED => {
            let kept = secrets.get(path).ok_or_else(|| {
                format!("{path} is `{REDACTED}`, but no secret is kept there; give its value")
            })?;
            *value = kept.clone();
        }
        Value::Object(object) => restore(object, path, secrets)?,
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                restore_value(item, &format!("{path}/{at}"), secrets)?;
            }
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
#[path = "inline_tests.rs"]
mod tests;
