//! Where accounts come from, read only: Clouddriver's table `accounts` when its database is at hand,
//! else its REST API. `intercept` and `api` ask it; nothing here writes, and no definition is kept
//! or logged.

mod remembered;
mod rest;
mod scan;
mod table;
#[cfg(test)]
pub(crate) mod test_source;

use crate::sql::Pool;
use http::StatusCode;
use rest::Rest;
pub use scan::Cursor;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
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
    /// As a query on our own database, with one column `name` that compares by bytes.
    Query(String),
}

/// A source of Kubernetes accounts.
#[derive(Debug, Clone)]
pub struct Source(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Rest(Box<Rest>),
    Table(Table),
}

impl Source {
    /// Clouddriver's REST API at `base`, such as `http://127.0.0.1:7002`, read as `user` when nobody
    /// else asks.
    pub fn rest(base: &str, user: Option<&str>) -> Source {
        Source(Kind::Rest(Box::new(Rest::new(base, user))))
    }

    /// The table `accounts` beside ours, if it is there and may be read; an error: the database is
    /// away.
    pub async fn table(pool: &Pool) -> Result<Option<Source>, sqlx::Error> {
        let table = Table::new(pool.clone());
        let there = table.is_there().await?;
        Ok(there.then_some(Source(Kind::Table(table))))
    }

    /// Whether it has no account that it does not show. Clouddriver's API shows nobody those that have
    /// permissions, where Fiat is on.
    pub fn shows_all(&self) -> bool {
        match &self.0 {
            Kind::Rest(rest) => rest.has_user(),
            Kind::Table(_) => true,
        }
    }

    /// The Kubernetes account `name`; `None`: the source has none of that name. `user` is who asks,
    /// as far as Clouddriver itself is asked.
    pub async fn find(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<Definition>, SourceError> {
        match &self.0 {
            Kind::Rest(rest) => rest.find(name, user).await,
            Kind::Table(table) => Ok(table.find(name).await?),
        }
    }

    /// Those of these Kubernetes accounts that the source has, by name.
    pub async fn some(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Definition>, SourceError> {
        match &self.0 {
            Kind::Rest(rest) => rest.some(names, user).await,
            Kind::Table(table) => Ok(table.some(names).await?),
        }
    }

    /// The names of every Kubernetes account; of `leafing`, maybe those of a moment ago.
    pub async fn names(&self, user: Option<&str>, leafing: bool) -> Result<Names, SourceError> {
        match &self.0 {
            Kind::Rest(rest) => Ok(Names::Listed(rest.names(user, leafing).await?)),
            Kind::Table(table) => Ok(Names::Query(table.names())),
        }
    }
}

fn name_of(account: &Definition) -> Option<&str> {
    account.get("name")?.as_str()
}
