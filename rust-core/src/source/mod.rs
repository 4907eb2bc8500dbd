//! Where accounts come from, read only: Clouddriver's account storage, by its table `accounts` when the
//! database is at hand, else by its REST API; and beside it the accounts of Clouddriver's configuration.
//! Of a name that both have the storage's counts, as for Clouddriver itself.
//!
//! `intercept`, `lifecycle` and `api` ask it; nothing here writes or is logged, and of definitions the
//! configured ones alone are kept.

mod configured;
mod remembered;
mod rest;
mod scan;
mod table;
#[cfg(test)]
pub(crate) mod test_source;

use crate::sql::Pool;
pub use configured::{Configured, Unfit};
use http::StatusCode;
use rest::Rest;
pub use scan::Cursor;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use table::Table;

/// An account as Clouddriver stores it: secrets included.
pub type Definition = Map<String, Value>;

/// Accounts per request or query when all are read.
const PAGE: usize = 500;

/// Why the source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Clouddriver does not answer.
    #[error("Clouddriver at {base} does not answer: {reason}")]
    Away {
        /// Its URL.
        base: String,
        /// Why.
        reason: String,
    },
    /// Clouddriver answers with an error.
    #[error(
        "Clouddriver at {base} answered {status} to GET /credentials/type/kubernetes; it must \
         store accounts (account.storage.enabled) and let this user list them"
    )]
    Refused {
        /// Its URL.
        base: String,
        /// Its answer.
        status: StatusCode,
        /// It says so because it stores no accounts.
        storeless: bool,
    },
    /// The answer is not what Clouddriver gives.
    #[error("Clouddriver at {base} answered something else than a JSON array of accounts")]
    Unreadable {
        /// Its URL.
        base: String,
    },
    /// The table cannot be read.
    #[error("Clouddriver's table `accounts` cannot be read; the database user needs SELECT on it")]
    Table(#[from] sqlx::Error),
}

/// The names of a source's accounts.
#[derive(Debug)]
pub enum Names {
    /// As they were seconds ago at most, in byte order.
    Listed(Arc<[String]>),
    /// As a query on our own database, with one column `name` that compares by bytes, and others that
    /// it does not have, in byte order.
    Query(String, Vec<String>),
}

/// A source of Kubernetes accounts.
#[derive(Debug, Clone)]
pub struct Source {
    stored: Kind,
    configured: Configured,
}

#[derive(Debug, Clone)]
enum Kind {
    Rest(Box<Rest>),
    Table(Table),
    /// Clouddriver stores no accounts.
    Nowhere,
}

impl From<Kind> for Source {
    fn from(stored: Kind) -> Source {
        let configured = Configured::default();
        Source { stored, configured }
    }
}

impl Source {
    /// Clouddriver's REST API at `base`, such as `http://127.0.0.1:7002`, read as `user` when nobody
    /// else asks.
    pub fn rest(base: &str, user: Option<&str>) -> Source {
        Source::from(Kind::Rest(Box::new(Rest::new(base, user))))
    }

    /// The table `accounts` beside ours, if it is there and may be read; an error: the database is
    /// away.
    pub async fn table(pool: &Pool) -> Result<Option<Source>, sqlx::Error> {
        let table = Table::new(pool.clone());
        let there = table.is_there().await?;
        Ok(there.then_some(Source::from(Kind::Table(table))))
    }

    /// No account storage at all.
    pub fn nowhere() -> Source {
        Source::from(Kind::Nowhere)
    }

    /// With these accounts beside it.
    pub fn with(self, configured: Configured) -> Source {
        Source { configured, ..self }
    }

    /// Whether it has no account that it does not show. Clouddriver's API shows nobody those that have
    /// permissions, where Fiat is on.
    pub fn shows_all(&self) -> bool {
        match &self.stored {
            Kind::Rest(rest) => rest.has_user(),
            Kind::Table(_) | Kind::Nowhere => true,
        }
    }

    /// The Kubernetes account `name`; `None`: the source has none of that name. `user` is who asks,
    /// as far as Clouddriver itself is asked.
    pub async fn find(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<Definition>, SourceError> {
        let stored = self.find_stored(name, user).await?;
        Ok(stored.or_else(|| self.configured.definition(name).cloned()))
    }

    /// The same, of Clouddriver's account storage alone.
    pub async fn find_stored(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<Definition>, SourceError> {
        match &self.stored {
            Kind::Rest(rest) => self.or_none(rest.find(name, user).await),
            Kind::Table(table) => Ok(table.find(name).await?),
            Kind::Nowhere => Ok(None),
        }
    }

    /// Adds to the stored ones of these accounts those that are configured alone.
    pub fn add_configured(
        &self,
        names: &[impl AsRef<str>],
        stored: &mut BTreeMap<String, Definition>,
    ) {
        for name in names.iter().map(AsRef::as_ref) {
            if let Some(configured) = self.configured.definition(name)
                && !stored.contains_key(name)
            {
                stored.insert(name.to_owned(), configured.clone());
            }
        }
    }

    /// Those of these Kubernetes accounts that Clouddriver's account storage has, by name.
    pub async fn some_stored(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Definition>, SourceError> {
        match &self.stored {
            Kind::Rest(rest) => self.or_none(rest.some(names, user).await),
            Kind::Table(table) => Ok(table.some(names).await?),
            Kind::Nowhere => Ok(BTreeMap::new()),
        }
    }

    /// Those of these names that Clouddriver's configuration alone has, each with why it is not to be
    /// served.
    pub async fn configured(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Option<Unfit>>, SourceError> {
        let mut configured = self.configured.some(names);
        if !configured.is_empty() {
            let names: Vec<&String> = configured.keys().collect();
            let stored = self.some_stored(&names, user).await?;
            configured.retain(|name, _| !stored.contains_key(name));
        }
        Ok(configured)
    }

    /// The names of every Kubernetes account; of `leafing`, maybe those of a moment ago.
    pub async fn names(&self, user: Option<&str>, leafing: bool) -> Result<Names, SourceError> {
        let configured: Vec<String> = self.configured.names().map(str::to_owned).collect();
        match &self.stored {
            Kind::Rest(rest) => {
                let stored = self.or_none(rest.names(user, leafing).await)?;
                if configured.is_empty() {
                    return Ok(Names::Listed(stored));
                }
                let stored = stored.iter().cloned();
                let all: BTreeSet<String> = stored.chain(configured).collect();
                Ok(Names::Listed(all.into_iter().collect()))
            }
            Kind::Table(table) => {
                let mut others = configured;
                if !others.is_empty() {
                    let stored = table.there(&others).await?;
                    others.retain(|name| !stored.contains(name));
                }
                Ok(Names::Query(table.names(), others))
            }
            Kind::Nowhere => Ok(Names::Listed(configured.into())),
        }
    }

    /// That Clouddriver stores no accounts is an answer where it has others.
    fn or_none<T: Default>(&self, said: Result<T, SourceError>) -> Result<T, SourceError> {
        match said {
            Err(error) if self.is_storeless(&error) => Ok(T::default()),
            said => said,
        }
    }

    fn is_storeless(&self, error: &SourceError) -> bool {
        let storeless = matches!(error, SourceError::Refused { storeless, .. } if *storeless);
        storeless && !self.configured.is_empty()
    }
}

fn name_of(account: &Definition) -> Option<&str> {
    account.get("name")?.as_str()
}
