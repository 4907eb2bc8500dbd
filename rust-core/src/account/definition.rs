//! An account's definition as Clouddriver writes it, parted into what may be seen and what may
//! not: the public part is kept, shown and sent as JSON with `[redacted]` in place of each secret
//! value; the secret part goes to `secret` and nowhere else.

use ferry_reference::{is_content, is_open, names_secret};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// What stands in the place of a secret value.
pub const REDACTED: &str = "[redacted]";

/// By which a cluster is reached; the third is another spelling of the second.
pub const KUBECONFIGS: [&str; 4] = [
    "kubeconfigContents",
    "kubeconfigFile",
    "kubeConfigFile",
    "serviceAccount",
];

/// Names of fields whose values are secret wherever they stand, and whatever is in them: letters and
/// digits alone, in lower case.
const SECRET_FIELDS: &[&str] = &["kubeconfig", "kubeconfigcontents"];

/// Parts of such names that betray a secret value.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    // Of a kubeconfig's user: client-key-data.
    "keydata",
];

/// A definition without its secrets, and the secrets.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The JSON object, secret values replaced.
    pub public: Map<String, Value>,
    /// A JSON object from JSON pointer to value, when there is any secret.
    pub secrets: Option<SecretString>,
}

impl Definition {
    /// Parts a definition.
    pub fn part(mut object: Map<String, Value>) -> Definition {
        let mut secrets = Map::new();
        redact(&mut object, "", &mut secrets);
        let secrets =
            (!secrets.is_empty()).then(|| SecretString::from(Value::Object(secrets).to_string()));
        Definition {
            public: object,
            secrets,
        }
    }

    /// The kubeconfig that stands in the definition itself.
    pub fn kubeconfig_contents(&self) -> Option<SecretString> {
        let secrets: Map<String, Value> =
            serde_json::from_str(self.secrets.as_ref()?.expose_secret()).ok()?;
        let stands = |field: &str| secrets.get(&format!("/{field}"))?.as_str();
        let contents = ["kubeconfigContents", "kubeconfigFile", "kubeConfigFile"];
        let contents = contents.into_iter().find_map(stands)?;
        Some(SecretString::from(contents))
    }

    /// A public string field, when it is there and not empty.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.public
            .get(field)?
            .as_str()
            .filter(|text| !text.is_empty())
    }

    /// A public boolean field; absent is false.
    pub fn flag(&self, field: &str) -> bool {
        self.public
            .get(field)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }
}

/// How many of [`KUBECONFIGS`] a definition names. One that is empty or `false` names none.
pub fn kubeconfigs(object: &Map<String, Value>) -> usize {
    let names = |field: &&&str| match object.get(**field) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(value) => value == &Value::Bool(true),
        None => false,
    };
    KUBECONFIGS.iter().filter(names).count()
}

/// Whether `[redacted]` stands anywhere in it.
pub fn has_redacted(value: &Value) -> bool {
    match value {
        Value::String(text) => text == REDACTED,
        Value::Array(items) => items.iter().any(has_redacted),
        Value::Object(object) => object.values().any(has_redacted),
        _ => false,
    }
}

fn is_secret(field: &str) -> bool {
    let letters = field.chars().filter(|letter| letter.is_alphanumeric());
    let field: String = letters.flat_map(char::to_lowercase).collect();
    SECRET_FIELDS.contains(&field.as_str()) || SECRET_WORDS.iter().any(|word| field.contains(word))
}

/// Whether it is the kubeconfig that stands where its path is expected: so Clouddriver shows what an
/// `encryptedFile:` names.
fn is_resolved(field: &str, value: &Value) -> bool {
    field.eq_ignore_ascii_case("kubeconfigFile") && value.as_str().is_some_and(is_kubeconfig)
}

/// Whether a text that is to name a kubeconfig is one, or a part of one: a path has no line end.
pub fn is_kubeconfig(text: &str) -> bool {
    text.contains('\n') || is_content(text)
}

fn redact(object: &mut Map<String, Value>, path: &str, secrets: &mut Map<String, Value>) {
    for (field, value) in object.iter_mut() {
        let path = format!("{path}/{}", field.replace('~', "~0").replace('/', "~1"));
        if is_secret(field) || is_resolved(field, value) || value.as_str().is_some_and(is_open) {
            // Secret references name a secret without holding it: they stay as written.
            let open = matches!(value, Value::Null | Value::Bool(_))
                || value
                    .as_str()
                    .is_some_and(|text| text.is_empty() || is_reference(text));
            if !open {
                let secret = std::mem::replace(value, Value::from(REDACTED));
                secrets.insert(path, secret);
            }
            continue;
        }
        redact_value(value, &path, secrets);
    }
}

fn redact_value(value: &mut Value, path: &str, secrets: &mut Map<String, Value>) {
    match value {
        Value::Object(object) => redact(object, path, secrets),
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                redact_value(item, &format!("{path}/{index}"), secrets);
            }
        }
        _ => {}
    }
}

/// Whether a value names a secret in a secret engine, as Spinnaker writes it.
pub fn is_reference(text: &str) -> bool {
    names_secret(text) && !is_open(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(value: Value) -> Definition {
        Definition::part(value.as_object().unwrap().clone())
    }

    #[test]
    fn what_holds_its_secret_is_no_reference() {
        for field in ["kubeconfigContents", "kubeconfigFile", "note"] {
            let definition = part(json!({"name": "a", field: "encrypted:noop!v:s3cret"}));
            assert_eq!(definition.public[field], REDACTED);
        }
    }

    #[test]
    fn secrets_leave_the_public_part_wherever_they_stand() {
        let definition = part(json!({
            "name": "a", "kubeconfigContents": "token: s3cret",
            "nested": [{"userToken": "s3cret"}, {"plain": "stays"}],
        }));
        let public = Value::Object(definition.public.clone()).to_string();
        assert!(!public.contains("s3cret"), "{public}");
        assert_eq!(definition.public["nested"][0]["userToken"], REDACTED);
        assert_eq!(definition.public["nested"][1]["plain"], "stays");
        assert_eq!(
            definition.kubeconfig_contents().unwrap().expose_secret(),
            "token: s3cret"
        );
    }

    #[test]
    fn a_secret_is_known_by_its_name_however_that_is_spelled() {
        for field in [
            "private_key",
            "private-key",
            "PrivateKey",
            "client-key-data",
            "clientKeyData",
            "passphrase",
            "apiKey",
            "API_KEY",
            "aws-secret-access-key",
            "credentials",
            "kube_config_contents",
        ] {
            let definition = part(json!({"name": "a", "deep": [{field: "s3cret"}]}));
            assert_eq!(definition.public["deep"][0][field], REDACTED, "{field}");
            let secrets = definition.secrets.unwrap();
            assert!(secrets.expose_secret().contains("s3cret"));
        }
        for field in [
            "context",
            "namespaces",
            "kubeconfigFile",
            "clientKey",
            "key",
        ] {
            assert!(part(json!({field: "plain"})).secrets.is_none(), "{field}");
        }
    }

    #[test]
    fn all_that_lies_in_a_kubeconfig_is_secret() {
        let users = json!([{"name": "u", "user": {"exec": {"env": ["s3cret"]}}}]);
        let definition = part(json!({"name": "a", "kubeconfig": {"users": users}}));
        assert_eq!(definition.public["kubeconfig"], REDACTED);
        assert!(definition.secrets.unwrap().expose_secret().contains("env"));
    }

    #[test]
    fn a_kubeconfig_in_the_place_of_its_path_is_secret_and_found() {
        for contents in ["users: []\ntoken: s3cret", r#"{"token": "s3cret"}"#] {
            let definition = part(json!({"name": "a", "kubeconfigFile": contents}));
            assert_eq!(definition.public["kubeconfigFile"], REDACTED);
            let found = definition.kubeconfig_contents().unwrap();
            assert_eq!(found.expose_secret(), contents);
        }
        assert!(part(json!({"kubeconfigFile": "/k"})).secrets.is_none());
    }

    #[test]
    fn references_and_empty_values_stay_as_written() {
        let definition = part(json!({
            "kubeconfigContents": "encrypted:k8s!n:kc!k:a", "oauthToken": "", "password": null,
        }));
        assert!(definition.secrets.is_none());
        assert_eq!(
            definition.public["kubeconfigContents"],
            "encrypted:k8s!n:kc!k:a"
        );
    }
}
