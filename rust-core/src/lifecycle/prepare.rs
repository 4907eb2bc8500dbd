//! Makes the message that gives an account to an agent: its definition and kubeconfig, opened just
//! before they are sent.

use super::Lifecycle;
use crate::account::Account;
use crate::account::definition::{Definition, is_reference};
use crate::error::causes;
use crate::secret::{Keyring, Sealed, SecretError};
use crate::source;
use crate::store::{Content, StoreError};
use ferry_reference::is_open;
use ferry_wire::MAX_ACCOUNT_BYTES;
use ferry_wire::v1;
use ferry_wire::v1::account::Kubeconfig;
use prost::Message;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

/// Definitions as they are kept, and what Clouddriver alone keeps of them.
pub(super) struct Kept {
    contents: BTreeMap<String, Content>,
    at_source: AtSource,
}

/// Accounts as Clouddriver has them, or why they cannot be read.
type AtSource = Result<BTreeMap<String, source::Definition>, String>;

impl Lifecycle {
    /// What messages of these accounts are made of.
    pub(super) async fn kept(&self, names: &[&str]) -> Result<Kept, StoreError> {
        let contents = self.store.contents(names).await?;
        let of_names = contents
            .iter()
            .map(|(name, content)| (name.as_str(), content));
        let at_source = self.at_source(of_names).await;
        Ok(Kept {
            contents,
            at_source,
        })
    }

    /// Those of these accounts whose secrets Clouddriver alone keeps.
    async fn at_source(&self, contents: impl Iterator<Item = (&str, &Content)>) -> AtSource {
        let names = contents.filter(|(_, content)| {
            let sealed = content.secret.as_ref();
            sealed.is_some_and(Sealed::is_at_source)
        });
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        if names.is_empty() {
            return Ok(BTreeMap::new());
        }
        let accounts = self.at_clouddriver(&names, None).await;
        accounts.map_err(|error| causes(&error))
    }

    /// The message, or a sentence that says why it cannot be made.
    pub(super) async fn prepare(
        &self,
        account: &Account,
        kept: &Kept,
    ) -> Result<Result<v1::Account, String>, StoreError> {
        let Some(content) = kept.contents.get(&account.name) else {
            return Ok(Err("its row is gone".to_owned()));
        };
        let definition = match self.opened(&account.name, content, &kept.at_source) {
            Ok(definition) => definition,
            Err(cause) => return Ok(Err(cause)),
        };
        let kubeconfig = match kubeconfig(account, &definition) {
            Ok(Found::Itself(kubeconfig)) => kubeconfig,
            Ok(Found::Reference(reference)) => match self.resolve(account, &reference).await? {
                Ok(text) => {
                    let contents = text.expose_secret().as_bytes().to_vec();
                    Kubeconfig::KubeconfigContents(contents)
                }
                Err(cause) => return Ok(Err(cause)),
            },
            Err(cause) => return Ok(Err(cause)),
        };
        Ok(fitting(v1::Account {
            name: account.name.clone(),
            generation: u64::try_from(account.generation).unwrap_or_default(),
            definition: content.definition.clone(),
            deadline_seconds: self.seconds_left(account),
            kubeconfig: Some(kubeconfig),
        }))
    }

    /// Opens a kept definition, with the secrets from the source when they are kept there alone.
    pub(super) async fn open(&self, name: &str, content: &Content) -> Result<Definition, String> {
        let at_source = self.at_source([(name, content)].into_iter()).await;
        self.opened(name, content, &at_source)
    }

    fn opened(
        &self,
        name: &str,
        content: &Content,
        at_source: &AtSource,
    ) -> Result<Definition, String> {
        let public = serde_json::from_str(&content.definition).unwrap_or_default();
        let sealed = content.secret.as_ref();
        let secrets = match sealed.map(|sealed| self.keyring.open_sealed(name, sealed)) {
            None => None,
            Some(Ok(secrets)) => Some(secrets),
            Some(Err(SecretError::AtSource)) => match at_source {
                Ok(accounts) => {
                    let account = accounts.get(name).ok_or(GONE)?;
                    Definition::part(account.clone()).secrets
                }
                Err(cause) => return Err(cause.clone()),
            },
            Some(Err(error)) => return Err(error.to_string()),
        };
        Ok(Definition { public, secrets })
    }

    /// Whether what is kept is this very definition.
    pub(super) fn is_kept(&self, name: &str, content: &Content, definition: &Definition) -> bool {
        let public: serde_json::Map<_, _> =
            serde_json::from_str(&content.definition).unwrap_or_default();
        let secrets = match (&content.secret, &definition.secrets) {
            (None, None) => true,
            (Some(sealed), Some(secrets)) => self.keyring.holds(name, sealed, secrets),
            _ => false,
        };
        secrets && public == definition.public
    }

    /// By which a text is known again that is not kept.
    pub fn fingerprint(&self, text: &SecretString) -> Result<String, SecretError> {
        self.keyring.fingerprint(text)
    }

    /// Whether this is a fingerprint of `text`; `None`: it is by a key that is no longer at hand.
    pub fn knows(&self, fingerprint: &str, text: &SecretString) -> Option<bool> {
        self.keyring.knows(fingerprint, text)
    }

    /// Whether this is known to be a fingerprint of `text`.
    pub fn is_of(&self, fingerprint: &str, text: &SecretString) -> bool {
        self.keyring.is_of(fingerprint, text)
    }

    /// Seals a definition to be kept.
    pub(super) fn close(
        &self,
        name: &str,
        definition: &Definition,
    ) -> Result<Content, SecretError> {
        sealed_content(&self.keyring, name, definition)
    }
}

/// A definition as it is kept.
pub(super) fn sealed_content(
    keyring: &Keyring,
    name: &str,
    definition: &Definition,
) -> Result<Content, SecretError> {
    let secret = match &definition.secrets {
        Some(secrets) => Some(keyring.seal(name, secrets)?),
        None => None,
    };
    let public = serde_json::Value::Object(definition.public.clone());
    Ok(Content {
        definition: public.to_string(),
        secret,
        inline: false,
    })
}

const GONE: &str = "Clouddriver, which alone keeps its kubeconfig, has no account of this name any \
    longer; POST it there again, or DELETE it here";

/// A message that is too large would end the agent's session, and all others would wait for it.
pub(super) fn fitting(account: v1::Account) -> Result<v1::Account, String> {
    let size = account.encoded_len();
    match size > MAX_ACCOUNT_BYTES {
        true => Err(format!(
            "its definition and kubeconfig take {size} bytes, and an agent takes at most \
             {MAX_ACCOUNT_BYTES}; make them smaller and PUT it"
        )),
        false => Ok(account),
    }
}

/// What a definition says of its kubeconfig.
pub(super) enum Found {
    /// This.
    Itself(Kubeconfig),
    /// A reference to a secret that holds it.
    Reference(String),
}

pub(super) fn kubeconfig(account: &Account, definition: &Definition) -> Result<Found, String> {
    let of_path = |path: &str| match is_reference(path) {
        true => Found::Reference(path.to_owned()),
        false => Found::Itself(Kubeconfig::KubeconfigFile(path.to_owned())),
    };
    if let Some(path) = &account.kubeconfig_file {
        return Ok(of_path(path));
    }
    if let Some(contents) = definition.kubeconfig_contents() {
        let contents = contents.expose_secret();
        if is_open(contents) {
            return Err(
                "its kubeconfig is written for the secret engine `noop`, which is for tests; PUT the \
                 kubeconfig itself"
                    .to_owned(),
            );
        }
        let contents = contents.as_bytes().to_vec();
        return Ok(Found::Itself(Kubeconfig::KubeconfigContents(contents)));
    }
    for field in ["kubeconfigContents", "kubeconfigFile", "kubeConfigFile"] {
        match definition.text(field) {
            Some(text) if field != "kubeconfigContents" || is_reference(text) => {
                return Ok(of_path(text));
            }
            _ => {}
        }
    }
    if definition.flag("serviceAccount") {
        return Ok(Found::Itself(Kubeconfig::ServiceAccount(true)));
    }
    Err(
        "its definition has neither kubeconfigContents nor kubeconfigFile nor serviceAccount; PUT \
         one of them"
            .to_owned(),
    )
}
