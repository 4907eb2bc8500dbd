//! `/armory/accounts/dynamic`: accounts whose definitions come with the request, kept here alone. A
//! PATCH of them is that of every account, in `batch`.

use super::answer::Failure;
use super::report::Report;
use super::{Api, Call, dry_run};
use crate::account::bound;
use crate::account::definition::{Definition, REDACTED, has_redacted, kubeconfigs};
use crate::lifecycle::{Asked, Refusal};
use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What an account's cluster is reached by; a definition has one of them.
const KUBECONFIGS: &str = "kubeconfigContents, kubeconfigFile or serviceAccount: true";

type Object = Map<String, Value>;

impl Api {
    /// POST /armory/accounts/dynamic: one definition, or an array of them.
    pub(super) async fn post_dynamic(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let (mut report, dry) = (Report::of(call)?, dry_run::is_asked(call)?);
        let mut entries = BTreeMap::new();
        for (name, object) in self.objects(call, &mut report)? {
            match Entry::new(object).and_then(|entry| entry.of_a_new_account()) {
                Ok(entry) => drop(entries.insert(name, entry)),
                Err(reason) => report.wrong(&name, reason),
            }
        }
        let earlier = report.made_already(call);
        entries.retain(|name, _| !earlier.contains(name));
        let names: Vec<&String> = entries.keys().collect();
        let known = self.store.known(&names).await?;
        let (mut rows, mut present, mut rehearsed) = (Vec::new(), Vec::new(), Vec::new());
        for (name, entry) in &entries {
            if known.contains(name) {
                present.push((name.as_str(), entry.shown()));
                continue;
            }
            let row = self
                .lifecycle
                .inline_row(name, &entry.definition, entry.asked());
            match row {
                Ok(_) if dry => {
                    report.created(name);
                    let account = entry.asked().of_a_new(name);
                    rehearsed.push((account, Some(entry.definition.clone())));
                }
                Ok(row) => rows.push(row),
                Err(Refusal::NoKey) => report.wrong(name, Refusal::NoKey.to_string()),
                Err(refusal) => return Err(refusal.into()),
            }
        }
        let made = self.lifecycle.create(&rows, &call.actor()).await?;
        let lost = rows.iter().filter(|row| !made.contains(&row.name));
        present.extend(lost.map(|row| (row.name.as_str(), entries[&row.name].shown())));
        made.iter().for_each(|name| report.created(name));
        self.note_present(&mut report, present).await?;
        match dry {
            true => Ok(self.rehearsed(report, rehearsed).await),
            false => report.posted(),
        }
    }

    /// PUT /armory/accounts/dynamic: a new definition of one account that is here.
    pub(super) async fn put_dynamic(&self, call: &Call<'_>) -> Result<Response<Bytes>, Failure> {
        self.require_enabled()?;
        let mut report = Report::of(call)?;
        let mut object = match body(call)? {
            Value::Object(object) if !object.is_empty() => object,
            _ => return Err(Failure::bad("the body is to be one object: an account")),
        };
        let name = name_of(&object).map_err(Failure::bad)?;
        let at_agent = match object.remove("kubeconfigAgent") {
            None | Some(Value::Null) => None,
            Some(Value::String(path)) => Some(path).filter(|path| !path.is_empty()),
            Some(_) => {
                return Err(Failure::bad(
                    "`kubeconfigAgent` is to be a path at the agent",
                ));
            }
        };
        let path = at_agent.as_deref().unwrap_or_default();
        bound::kubeconfig_file(path)
            .map_err(|reason| Failure::bad(format!("{name}: `kubeconfigAgent` {reason}")))?;
        let entry =
            Entry::new(object).map_err(|reason| Failure::bad(format!("{name}: {reason}")))?;
        if entry.zone_id.is_some() {
            let reason = "`zoneId` is changed by PATCH, which moves the account there";
            return Err(Failure::bad(format!("{name}: {reason}")));
        }
        let (object, actor) = (entry.object, call.actor());
        let revised = self.lifecycle.revise(&name, object, at_agent, &actor);
        match revised.await {
            Ok(moved) => {
                report.moved(&name, &moved);
                report.posted()
            }
            Err(Refusal::Unknown) => self.not_dynamic(&name, report, call).await,
            Err(refusal) => {
                report.refused(&name, "UPDATED", refusal)?;
                report.accepted()
            }
        }
    }

    async fn not_dynamic(
        &self,
        name: &str,
        mut report: Report,
        call: &Call<'_>,
    ) -> Result<Response<Bytes>, Failure> {
        if !self.store.known(&[name]).await?.is_empty() {
            report.refused(name, "UPDATED", Refusal::Static)?;
        } else if self.seen_at_clouddriver(name, call).await?.is_some() {
            report.refused(name, "UPDATED", Refusal::Unmigrated)?;
        } else {
            report.wrong(name, Refusal::Unknown.to_string());
        }
        report.accepted()
    }

    /// The objects of a POST by name: identical ones once, contradicting ones refused.
    fn objects(
        &self,
        call: &Call<'_>,
        report: &mut Report,
    ) -> Result<BTreeMap<String, Object>, Failure> {
        let items = match body(call)? {
            Value::Array(items) => items,
            object @ Value::Object(_) => vec![object],
            _ => {
                return Err(Failure::bad(
                    "the body is to be an account, or an array of them",
                ));
            }
        };
        if items.is_empty() {
            return Err(Failure::bad("the array is empty; it is to hold accounts"));
        }
        let (mut objects, mut contradicting) = (BTreeMap::new(), BTreeSet::new());
        for (at, item) in items.into_iter().enumerate() {
            let Value::Object(object) = item else {
                report.wrong(&format!("entry {at}"), "it is no object: an account is one");
                continue;
            };
            match name_of(&object) {
                Err(reason) => report.wrong(&format!("entry {at}"), reason),
                Ok(name) => match objects.get(&name) {
                    Some(earlier) if *earlier != object => drop(contradicting.insert(name)),
                    Some(_) => {}
                    None => drop(objects.insert(name, object)),
                },
            }
        }
        for name in contradicting {
            objects.remove(&name);
            report.wrong(
                &name,
                "the batch has it more than once, with contradicting values",
            );
        }
        Ok(objects)
    }
}

fn body(call: &Call<'_>) -> Result<Value, Failure> {
    super::body::body(call, "JSON")
}

fn name_of(object: &Object) -> Result<String, String> {
    let name = object.get("name").and_then(Value::as_str);
    let name = name.ok_or("`name` is missing, or is no text")?;
    bound::name(name).map_err(|reason| format!("`name` {reason}"))?;
    Ok(name.to_owned())
}

/// One account of a request.
struct Entry {
    object: Object,
    definition: Definition,
    zone_id: Option<String>,
}

impl Entry {
    fn new(mut object: Object) -> Result<Entry, String> {
        match object.get("type").or(object.get("@type")) {
            None => {}
            Some(kind) if kind == "kubernetes" => {}
            Some(_) => return Err("`type` is not kubernetes: no other type is taken".to_owned()),
        }
        object.insert("type".to_owned(), "kubernetes".into());
        let zone_id = match object.remove("zoneId") {
            None | Some(Value::Null) => None,
            Some(Value::String(zone)) => {
                bound::optional(&zone).map_err(|reason| format!("`zoneId` {reason}"))?;
                Some(zone).filter(|zone| !zone.is_empty())
            }
            Some(_) => return Err("`zoneId` is no text".to_owned()),
        };
        if let Some(path) = object.remove("kubeConfigFile")
            && object.insert("kubeconfigFile".to_owned(), path).is_some()
        {
            return Err("it has both kubeconfigFile and kubeConfigFile".to_owned());
        }
        for field in ["kubeconfigContents", "kubeconfigFile"] {
            if object.get(field).is_some_and(|value| !value.is_string()) {
                return Err(format!("`{field}` is no text"));
            }
        }
        if object
            .get("serviceAccount")
            .is_some_and(|value| !value.is_boolean())
        {
            return Err("`serviceAccount` is neither true nor false".to_owned());
        }
        let definition = Definition::part(object.clone());
        match kubeconfigs(&object) {
            0 | 1 => Ok(Entry {
                object,
                definition,
                zone_id,
            }),
            _ => Err(format!("it has more than one of {KUBECONFIGS}")),
        }
    }

    fn of_a_new_account(self) -> Result<Entry, String> {
        if kubeconfigs(&self.object) == 0 {
            return Err(format!("it has none of {KUBECONFIGS}"));
        }
        match has_redacted(&Value::Object(self.object.clone())) {
            true => Err(format!(
                "it has `{REDACTED}` where a secret belongs: there is nothing kept to put there"
            )),
            false => Ok(self),
        }
    }

    fn asked(&self) -> Asked {
        Asked {
            zone_id: self.zone_id.clone(),
            kubeconfig_file: None,
        }
    }

    /// Without its secrets.
    fn shown(&self) -> Value {
        let mut shown = Value::Object(self.definition.public.clone());
        if let Some(zone_id) = &self.zone_id {
            shown["zoneId"] = json!(zone_id);
        }
        shown
    }
}
