//! Clouddriver's REST API as a source: `GET /credentials/type/kubernetes`, in pages.

use super::remembered::Remembered;
use super::{Definition, PAGE, SourceError, name_of};
use crate::encoding::encode_query;
use crate::error::causes;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// After this many requests for some accounts, the others are looked for among all.
const REQUESTS: usize = 20;

/// The limit of the page that is to show that there are no more: of a page's rows Clouddriver leaves
/// those out that it cannot read, and so many in a row end the list.
const FAR: usize = 20 * PAGE;

/// The limit of the next page, which begins with the last account of one of `limit`; `None`: that was
/// the end.
pub(super) fn next_limit(limit: usize, full: bool, more: bool) -> Option<usize> {
    match (full, more) {
        (true, true) => Some(PAGE),
        (false, true) => Some(FAR),
        (_, false) => (limit < FAR).then_some(FAR),
    }
}

/// Clouddriver's REST API at one address.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    client: Client<HttpConnector, Empty<Bytes>>,
    base: String,
    remembered: Remembered,
    user: Option<String>,
}

impl Rest {
    /// The API at `base`, such as `http://127.0.0.1:7002`; `user` asks when nobody else does.
    pub(super) fn new(base: &str, user: Option<&str>) -> Rest {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(Duration::from_secs(5)));
        Rest {
            client: Client::builder(TokioExecutor::new()).build(connector),
            base: base.trim_end_matches('/').to_owned(),
            remembered: Remembered::default(),
            user: user.map(str::to_owned),
        }
    }

    pub(super) fn has_user(&self) -> bool {
        self.user.is_some()
    }

    /// The Kubernetes account `name`; `None`: the source has none of that name.
    pub(super) async fn find(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<Definition>, SourceError> {
        let page = self.page(Some(name), 1, user).await?;
        Ok(page
            .into_iter()
            .find(|account| name_of(account) == Some(name)))
    }

    /// Those of these Kubernetes accounts that the source has. Names that follow one another there
    /// come with one request. Its order is its database's, so a name that did not come may still
    /// be there: each such is asked for, until reading all is cheaper.
    pub(super) async fn some(
        &self,
        names: &[impl AsRef<str>],
        user: Option<&str>,
    ) -> Result<BTreeMap<String, Definition>, SourceError> {
        let mut open: BTreeSet<&str> = names.iter().map(AsRef::as_ref).collect();
        let mut accounts = BTreeMap::new();
        for _ in 0..REQUESTS {
            let Some(first) = open.pop_first() else {
                return Ok(accounts);
            };
            let limit = (open.len() + 1).min(PAGE);
            for account in self.page(Some(first), limit, user).await? {
                if let Some(name) = name_of(&account)
                    && (name == first || open.remove(name))
                {
                    accounts.insert(name.to_owned(), account);
                }
            }
        }
        if !open.is_empty() {
            let mut all = self.all(user).await?;
            accounts.extend(open.into_iter().filter_map(|name| all.remove_entry(name)));
        }
        Ok(accounts)
    }

    /// The names of every Kubernetes account, in byte order. Clouddriver gives no names without
    /// definitions, so who is leafing through pages gets for a moment what the first one had.
    pub(super) async fn names(
        &self,
        user: Option<&str>,
        leafing: bool,
    ) -> Result<Arc<[String]>, SourceError> {
        if leafing && let Some(names) = self.remembered.get(user) {
            return Ok(names);
        }
        let mut names = BTreeSet::new();
        self.each(user, |name, _| names.insert(name)).await?;
        let names: Arc<[String]> = names.into_iter().collect();
        self.remembered.put(user, names.clone());
        Ok(names)
    }

    /// Every Kubernetes account, by name.
    async fn all(&self, user: Option<&str>) -> Result<BTreeMap<String, Definition>, SourceError> {
        let mut accounts = BTreeMap::new();
        let take = |name, account| accounts.insert(name, account).is_none();
        self.each(user, take).await?;
        Ok(accounts)
    }

    /// Hands every Kubernetes account to `take`, which answers whether it is a new one.
    async fn each(
        &self,
        user: Option<&str>,
        mut take: impl FnMut(String, Definition) -> bool,
    ) -> Result<(), SourceError> {
        let mut start: Option<String> = None;
        let mut limit = PAGE;
        loop {
            let page = self.page(start.as_deref(), limit, user).await?;
            let full = page.len() >= limit;
            let mut more = false;
            for account in page {
                if let Some(name) = name_of(&account).map(str::to_owned) {
                    start = Some(name.clone());
                    more |= take(name, account);
                }
            }
            match next_limit(limit, full, more) {
                Some(next) => limit = next,
                None => return Ok(()),
            }
        }
    }

    /// Of which type the account `name` is; `None`: Clouddriver has loaded none of that name.
    pub(super) async fn type_of(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<String>, SourceError> {
        let (status, body) = self
            .get(&format!("/credentials/{}", encode_query(name)), user)
            .await?;
        if !status.is_success() {
            return Ok(None);
        }
        let account: Definition =
            serde_json::from_slice(&body).map_err(|_| SourceError::Unreadable {
                base: self.base.clone(),
            })?;
        let of = account.get("type").or(account.get("cloudProvider"));
        Ok(of.and_then(|of| of.as_str()).map(str::to_owned))
    }

    pub(super) async fn page(
        &self,
        start: Option<&str>,
        limit: usize,
        user: Option<&str>,
    ) -> Result<Vec<Definition>, SourceError> {
        let start = start.map(encode_query).unwrap_or_default();
        let start = if start.is_empty() {
            start
        } else {
            format!("&startingAccountName={start}")
        };
        let target = format!("/credentials/type/kubernetes?limit={limit}{start}");
        let (status, body) = self.get(&target, user).await?;
        if !status.is_success() {
            return Err(SourceError::Refused {
                base: self.base.clone(),
                status,
                storeless: is_storeless(status, &body),
            });
        }
        serde_json::from_slice(&body).map_err(|_| SourceError::Unreadable {
            base: self.base.clone(),
        })
    }

    async fn get(
        &self,
        target: &str,
        user: Option<&str>,
    ) -> Result<(StatusCode, Bytes), SourceError> {
        let uri = format!("{}{target}", self.base);
        let away = |reason: String| SourceError::Away {
            base: self.base.clone(),
            reason,
        };
        let uri: Uri = uri
            .parse()
            .map_err(|_| away("its URL is not valid".to_owned()))?;
        let mut request = Request::get(uri).header(http::header::ACCEPT, "application/json");
        let asking = user.filter(|user| !user.is_empty());
        if let Some(user) = asking.or(self.user.as_deref()) {
            // Bytes: a text would have to be ASCII.
            request = request.header("X-SPINNAKER-USER", user.as_bytes());
        }
        let request = request
            .body(Empty::new())
            .map_err(|error| away(error.to_string()))?;
        let read = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(|e| away(causes(&e)))?;
            let status = response.status();
            let body = response
                .into_body()
                .collect()
                .await
                .map_err(|e| away(causes(&e)))?;
            Ok::<_, SourceError>((status, body.to_bytes()))
        };
        tokio::time::timeout(TIMEOUT, read)
            .await
            .map_err(|_| away(format!("no answer within {} s", TIMEOUT.as_secs())))?
    }
}

/// Storage is switched off; or Clouddriver is of the time before it had any, and has no such path.
fn is_storeless(status: StatusCode, body: &[u8]) -> bool {
    let exception = || {
        let body: Definition = serde_json::from_slice(body).ok()?;
        Some(body.get("exception")?.as_str()?.to_owned())
    };
    match status {
        StatusCode::NOT_FOUND => true,
        StatusCode::BAD_REQUEST => {
            exception().is_some_and(|name| name.ends_with(".ConfigurationException"))
        }
        _ => false,
    }
}
