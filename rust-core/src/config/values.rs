//! What is set, from where, and whether it may be: the one property source.
//!
//! Properties of a file and of the environment are matched against the tables of keys and checked;
//! the typed configurations (the core's, the sidecar's) then read their keys by name. Every mistake
//! is collected, and [`Values::finish`] gives all of them at once. Opens nothing and binds nothing.

use super::accounts::{self, Accounts};
use super::error::{ConfigError, ConfigErrors, Origin};
use super::key::{self, Key, Kind, Table};
use super::name::{self, Name};
use super::{pattern, stand_in, yaml};
use regex::Regex;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One value as it was set.
#[derive(Debug, Clone)]
pub(super) struct Property {
    /// Dotted path, or the name of the environment variable.
    pub(super) path: String,
    pub(super) value: String,
    pub(super) origin: Origin,
}

/// The values of all keys of some tables.
#[derive(Debug)]
pub struct Values {
    tables: Vec<Table>,
    /// By the key's name; right by itself, each.
    set: BTreeMap<&'static str, Set>,
    accounts: Accounts,
    errors: Vec<ConfigError>,
}

#[derive(Debug)]
struct Set {
    entries: Vec<String>,
    origin: Origin,
}

/// A property that names a key.
struct Candidate {
    rank: Rank,
    /// Of an entry of a list.
    index: Option<usize>,
    property: Property,
}

/// What may win over what: the environment over the file, `armory.kubesvc` over `kubesvc`, a
/// key's current name over its older one.
type Rank = (bool, bool, bool);

impl Values {
    /// Reads `file`, if there is one, and `environment` over it.
    pub fn read(
        tables: &[Table],
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Values {
        let mut errors = Vec::new();
        let mut properties = match file.map(yaml::read).transpose() {
            Ok(properties) => properties.unwrap_or_default(),
            Err(error) => {
                errors.push(error);
                Vec::new()
            }
        };
        properties.extend(environment.into_iter().map(|(variable, value)| Property {
            path: variable.clone(),
            value,
            origin: Origin::Environment { variable },
        }));
        Values::of(tables, properties, errors)
    }

    /// Reads properties as Spring's Environment lists them: names with dots, and variables of the
    /// process by their own names, which win over the others.
    pub fn of_clouddriver(
        tables: &[Table],
        properties: impl IntoIterator<Item = (String, String)>,
    ) -> Values {
        let properties = properties.into_iter().map(|(path, value)| Property {
            origin: if name::is_variable(&path) {
                Origin::Environment {
                    variable: path.clone(),
                }
            } else {
                Origin::Clouddriver
            },
            path,
            value,
        });
        Values::of(tables, properties.collect(), Vec::new())
    }

    fn of(tables: &[Table], properties: Vec<Property>, errors: Vec<ConfigError>) -> Values {
        let (theirs, properties): (Vec<_>, Vec<_>) = properties
            .into_iter()
            .partition(|property| accounts::is_theirs(&property.path));
        let mut values = Values {
            tables: tables.to_vec(),
            set: BTreeMap::new(),
            accounts: accounts::read(theirs),
            errors,
        };
        let mut candidates: BTreeMap<&'static str, Vec<Candidate>> = BTreeMap::new();
        for property in properties {
            match values.find(&property) {
                Found::Key(key, rank, index) => {
                    candidates.entry(key).or_default().push(Candidate {
                        rank,
                        index,
                        property,
                    });
                }
                Found::Wrong(error) => values.errors.push(error),
                Found::Nothing | Found::Foreign => {}
            }
        }
        for (name, mut candidates) in candidates {
            let best = candidates.iter().map(|candidate| candidate.rank).max();
            candidates.retain(|candidate| Some(candidate.rank) == best);
            values.take(name, candidates);
        }
        values
    }

    /// Sets one key from the properties that may do so, unless one of them is wrong.
    fn take(&mut self, name: &'static str, candidates: Vec<Candidate>) {
        let key = self.key(name);
        let mut properties = candidates.iter().map(|candidate| &candidate.property);
        if let Some(error) = properties.find_map(|property| self.mistake(&key, property)) {
            self.errors.push(error);
            return;
        }
        // Indexed entries in their order; of whole values the last one.
        let mut indexed: Vec<_> = candidates.iter().filter(|c| c.index.is_some()).collect();
        indexed.sort_by_key(|candidate| candidate.index);
        let last = candidates.last().expect("a key is found with its property");
        if is_unset(&key, &last.property.value) {
            return;
        }
        let entries: Vec<String> = match (indexed.is_empty(), key.kind.is_list()) {
            (false, _) => indexed.iter().map(|c| c.property.value.clone()).collect(),
            (true, true) => entries_of(&last.property.value),
            (true, false) => vec![last.property.value.clone()],
        };
        let first = indexed.first().copied().unwrap_or(last);
        let origin = first.property.origin.clone();
        if key.kind == Kind::Patterns && !self.compile(name, &entries, &origin) {
            return;
        }
        self.set.insert(name, Set { entries, origin });
    }

    /// What is wrong with a value by itself.
    fn mistake(&self, key: &Key, property: &Property) -> Option<ConfigError> {
        let Property { value, origin, .. } = property;
        let is_right = is_unset(key, value) || key.kind.accepts(value);
        if is_right && self.unused().any(|unused| unused.name == key.name) {
            return None;
        }
        let origin = origin.clone();
        if let Some(reason) = stand_in::refusal(key, property) {
            return Some(ConfigError::Refused {
                key: key.name,
                origin,
                reason,
            });
        }
        (!is_right).then(|| ConfigError::Value {
            key: key.name,
            origin,
            value: value.clone(),
            expectation: key.kind.expectation(),
        })
    }

    fn compile(&mut self, key: &'static str, patterns: &[String], origin: &Origin) -> bool {
        let before = self.errors.len();
        for text in patterns {
            if let Err(error) = pattern::compile(text) {
                self.errors.push(ConfigError::Pattern {
                    key,
                    origin: origin.clone(),
                    pattern: text.clone(),
                    position: error.position,
                    reason: error.reason,
                });
            }
        }
        self.errors.len() == before
    }

    fn find(&self, property: &Property) -> Found {
        let from_environment = matches!(property.origin, Origin::Environment { .. });
        let name = if from_environment {
            Name::of_variable(&property.path)
        } else {
            Name::of_path(&property.path)
        };
        let under = |roots: fn(&Table) -> &'static [&'static str]| {
            let mut roots = self.tables.iter().flat_map(roots);
            roots.any(|root| name.is_under(&Name::of_path(root)))
        };
        let (ours, shared) = (
            under(|table| table.roots),
            under(|table| table.shared_roots),
        );
        if !ours && !shared {
            return Found::Foreign;
        }
        let aliases = self.tables.iter().flat_map(|table| table.aliases);
        let alias = aliases
            .clone()
            .find(|(old, _)| name.names(&Name::of_path(old)))
            .map(|(_, current)| Name::of_path(current));
        let wanted = alias.as_ref().unwrap_or(&name);
        for key in self.keys() {
            if wanted.names(&Name::of_path(key.name)) && fits(key, &name) {
                let rank = (from_environment, name.armory, alias.is_none());
                return Found::Key(key.name, rank, name.index);
            }
        }
        if shared || (from_environment && is_service_link(property)) {
            return Found::Foreign;
        }
        let mut keys = self.keys();
        if !keys.any(|known| name.is_above(&Name::of_path(known.name))) {
            return Found::Wrong(self.unknown(property, &name, from_environment));
        }
        match property.value.trim() {
            "" => Found::Nothing,
            _ => Found::Wrong(ConfigError::Section {
                key: property.path.clone(),
                origin: property.origin.clone(),
            }),
        }
    }

    fn unknown(&self, property: &Property, name: &Name, from_environment: bool) -> ConfigError {
        let (key, origin) = (property.path.clone(), property.origin.clone());
        let own = name.joined();
        let likeness = |known: &&Key| {
            let known = Name::of_path(known.name).joined();
            // Whole thousandths, for a float has no order.
            (strsim::normalized_damerau_levenshtein(&own, &known) * 1000.0) as u32
        };
        let nearest = self.keys().max_by_key(likeness).map_or("", |key| key.name);
        let nearest = if from_environment {
            name::variable(nearest)
        } else {
            nearest.to_owned()
        };
        ConfigError::Unknown {
            key,
            origin,
            nearest,
        }
    }

    fn keys(&self) -> impl Iterator<Item = &Key> + Clone {
        self.tables
            .iter()
            .flat_map(|table| table.keys.iter().chain(table.unused))
    }

    fn unused(&self) -> impl Iterator<Item = &Key> {
        self.tables.iter().flat_map(|table| table.unused)
    }

    fn key(&self, name: &str) -> Key {
        let found = self.keys().find(|key| key.name == name);
        *found.expect("keys are read by the names that their table declares")
    }

    fn raw(&self, name: &str) -> &str {
        self.set.get(name).map_or_else(
            || self.key(name).default,
            |set| set.entries.first().map_or("", String::as_str),
        )
    }

    /// The accounts that Clouddriver has by its configuration; the next call gives none.
    pub(super) fn accounts(&mut self) -> Accounts {
        std::mem::take(&mut self.accounts)
    }

    /// A [`Kind::Flag`].
    pub fn flag(&self, name: &str) -> bool {
        key::flag(self.raw(name)).expect("a flag was checked, and its default is one")
    }

    /// A [`Kind::Flag`] that is neither on nor off when nobody sets it.
    pub fn flag_if_set(&self, name: &str) -> Option<bool> {
        self.text(name).map(|_| self.flag(name))
    }

    /// A [`Kind::Patterns`]: each as written, and compiled so that it matches whole names.
    pub fn patterns(&self, name: &str) -> Vec<(String, Regex)> {
        let entries = self.set.get(name).map(|set| set.entries.as_slice());
        let compiled = |text: &String| {
            let pattern = pattern::compile(text).expect("a pattern was checked");
            (text.clone(), pattern)
        };
        entries.unwrap_or_default().iter().map(compiled).collect()
    }

    /// A [`Kind::Number`].
    pub fn number(&self, name: &str) -> u64 {
        key::number(self.raw(name)).expect("a number was checked, and its default is one")
    }

    /// A [`Kind::SECONDS`].
    pub fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    /// A [`Kind::Size`] in bytes.
    pub fn size(&self, name: &str) -> usize {
        key::size(self.raw(name)).expect("a size was checked, and its default is one")
    }

    /// A [`Kind::Address`].
    pub fn address(&self, name: &str) -> IpAddr {
        key::address(self.raw(name)).expect("an address was checked, and its default is one")
    }

    /// A [`Kind::Socket`].
    pub fn socket(&self, name: &str) -> SocketAddr {
        key::socket(self.raw(name)).expect("a socket was checked, and its default is one")
    }

    /// A [`Kind::Text`] or [`Kind::OneOf`]; `None` when it is unset and has no default.
    pub fn text(&self, name: &str) -> Option<&str> {
        Some(self.raw(name)).filter(|text| !text.is_empty())
    }

    /// A [`Kind::List`] or [`Kind::Patterns`], entry by entry; empty when it is unset.
    pub fn list(&self, name: &str) -> &[String] {
        self.set.get(name).map_or(&[], |set| &set.entries)
    }

    /// A [`Kind::Text`] that names a file, as Spring does or by its path; any other is refused.
    pub fn file(&mut self, name: &str) -> Option<PathBuf> {
        let text = self.text(name)?.to_owned();
        self.named_by(name, &text)
    }

    /// A [`Kind::List`] of such.
    pub fn files(&mut self, name: &str) -> Vec<PathBuf> {
        let texts = self.list(name).to_vec();
        let named = texts.iter().filter_map(|text| self.named_by(name, text));
        named.collect()
    }

    fn named_by(&mut self, name: &str, text: &str) -> Option<PathBuf> {
        ferry_tls::path(text)
            .map_err(|error| self.refuse(name, error.to_string()))
            .ok()
    }

    /// Refuses the value of `name` for a reason that only its reader knows, unless that was done
    /// before: a value that is wrong by itself reads as unset, which is no second mistake.
    pub fn refuse(&mut self, name: &str, reason: impl Into<String>) {
        let key = self.key(name).name;
        if self.errors.iter().any(|error| error.is_of(key)) {
            return;
        }
        let origin = self
            .set
            .get(name)
            .map_or(Origin::Default, |set| set.origin.clone());
        self.errors.push(ConfigError::Refused {
            key,
            origin,
            reason: reason.into(),
        });
    }

    /// Everything that is wrong, or the keys that are set and have no effect, with where and why.
    pub fn finish(self) -> Result<Vec<String>, ConfigErrors> {
        if !self.errors.is_empty() {
            return Err(ConfigErrors(self.errors));
        }
        Ok(self
            .unused()
            .filter_map(|key| {
                let origin = &self.set.get(key.name)?.origin;
                Some(format!("{} ({origin}): {}", key.name, key.doc))
            })
            .collect())
    }
}

enum Found {
    Key(&'static str, Rank, Option<usize>),
    Wrong(ConfigError),
    /// A section or a list without anything in it.
    Nothing,
    Foreign,
}

/// Whether a name that goes through lists, or ends in an index, may name `key`.
fn fits(key: &Key, name: &Name) -> bool {
    // The seed writes these two with every level as a list; they are taken as written.
    if key.name.starts_with("account.storage.") {
        return name.index.is_none();
    }
    (name.index.is_none() || key.kind.is_list()) && (!name.through_list || key.name.contains("[]"))
}

/// Whether it is what Spring makes of a key without a value in YAML.
fn is_unset(key: &Key, value: &str) -> bool {
    !key.kind.has_empty() && value.trim().is_empty()
}

fn entries_of(value: &str) -> Vec<String> {
    let entries = value.split(',').map(str::trim);
    entries
        .filter(|entry| !entry.is_empty())
        .map(String::from)
        .collect()
}

/// Variables that Kubernetes sets in every pod for a Service that happens to be called like one
/// of our roots: nobody's configuration.
fn is_service_link(Property { path, value, .. }: &Property) -> bool {
    let after = |marker: &str| path.split_once(marker).map(|(_, rest)| rest);
    path.ends_with("_SERVICE_HOST")
        || after("_SERVICE_PORT").is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        // Without a URL it is a port that somebody set, by a wrong name.
        || path.ends_with("_PORT") && value.contains("://")
        || after("_PORT").is_some_and(|rest| {
            rest.ends_with("_TCP")
                || rest.contains("_TCP_")
                || rest.ends_with("_UDP")
                || rest.contains("_UDP_")
        })
}
