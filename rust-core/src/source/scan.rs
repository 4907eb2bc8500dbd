//! Reading what is new or changed since the last look. The table is asked for what was modified
//! since; of the REST API, which cannot be, a look reads some accounts, in turn all of them, and leaves
//! out what is as it was. Configured accounts change with a restart alone: each comes once, and once more
//! when the storage no longer has another of its name.
//!
//! `lifecycle` scans with a [`Cursor`], which lives as long as the process does.

use super::rest::next_limit;
use super::table::TableCursor;
use super::{Definition, Kind, PAGE, Rest, Source, SourceError, name_of};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Pages of the REST API that one look reads.
const PAGES: usize = 4;

/// How far the looks at a source have come.
#[derive(Debug, Default)]
pub struct Cursor {
    rest: RestCursor,
    table: TableCursor,
    /// Configured accounts that did not come since the storage was seen to have one of the name; none:
    /// no look has come to them.
    due: Option<BTreeSet<String>>,
    /// They were the last of this look.
    over: bool,
}

impl Cursor {
    /// Whether the page that came last is that of the configured accounts.
    pub fn came_to_configured(&self) -> bool {
        self.over
    }
}

#[derive(Debug, Default)]
struct RestCursor {
    /// Where the next page begins; empty: all were read.
    start: Option<String>,
    /// The pages of this look.
    pages: usize,
    /// The next page's limit; none: it is the first of all.
    limit: Option<usize>,
    /// The names since the first page.
    present: HashSet<String>,
    /// Hashes of every definition as it was read last.
    digests: HashMap<String, u64>,
    /// All were read once.
    whole: bool,
    /// There was no storage to read.
    storeless: bool,
}

impl Source {
    /// The next accounts that are new or changed since the last look, at most a page of stored ones or
    /// all configured ones; `None`: this look is over, and the next call begins another.
    pub async fn changed(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Option<Vec<(String, Definition)>>, SourceError> {
        if std::mem::take(&mut cursor.over) {
            return Ok(None);
        }
        let stored = match &self.stored {
            Kind::Rest(rest) => match rest.changed(&mut cursor.rest).await {
                Err(error) if self.is_storeless(&error) => {
                    cursor.rest = RestCursor {
                        whole: true,
                        storeless: true,
                        ..RestCursor::default()
                    };
                    None
                }
                changed => changed?,
            },
            Kind::Table(table) => table.changed(&mut cursor.table).await?,
            Kind::Nowhere => None,
        };
        match (stored, &mut cursor.due) {
            (Some(page), Some(due)) => {
                let names = page.iter().map(|(name, _)| name);
                due.extend(names.filter(|name| self.configured.has(name)).cloned());
                Ok(Some(page))
            }
            (Some(page), None) => Ok(Some(page)),
            (None, _) => self.configured_due(cursor).await,
        }
    }

    async fn configured_due(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Option<Vec<(String, Definition)>>, SourceError> {
        let all = || self.configured.names().map(str::to_owned).collect();
        let due: Vec<String> = match &cursor.due {
            Some(due) => due.iter().cloned().collect(),
            None => all(),
        };
        if due.is_empty() {
            return Ok(None);
        }
        let Some(stored) = self.there(cursor, &due).await? else {
            return Ok(None);
        };
        let (shadowed, free): (BTreeSet<String>, BTreeSet<String>) =
            due.into_iter().partition(|name| stored.contains(name));
        cursor.due = Some(shadowed);
        cursor.over = !free.is_empty();
        let account = |name: String| Some((self.configured.definition(&name)?.clone(), name));
        let accounts = free.into_iter().filter_map(account);
        let page: Vec<_> = accounts.map(|(account, name)| (name, account)).collect();
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    /// Some names that the storage has, in turn all of them: for rows that appear with a time long past.
    pub async fn walk(
        &self,
        cursor: &mut Cursor,
        limit: usize,
    ) -> Result<Vec<String>, SourceError> {
        match &self.stored {
            Kind::Rest(_) | Kind::Nowhere => Ok(Vec::new()),
            Kind::Table(table) => Ok(table.walk(&mut cursor.table, limit).await?),
        }
    }

    /// Those of these names that the source has no Kubernetes account of, as of the last look.
    pub async fn missing(
        &self,
        cursor: &Cursor,
        names: &[String],
    ) -> Result<Vec<String>, SourceError> {
        let RestCursor {
            digests, storeless, ..
        } = &cursor.rest;
        // Nothing at all is an answer for who may see nothing.
        let sees_nothing = digests.is_empty() && !storeless;
        let there = match (&self.stored, self.there(cursor, names).await?) {
            (Kind::Rest(_), _) if sees_nothing => return Ok(Vec::new()),
            (_, None) => return Ok(Vec::new()),
            (_, Some(there)) => there,
        };
        let missing = names.iter();
        let missing = missing.filter(|name| !there.contains(*name) && !self.configured.has(name));
        Ok(missing.cloned().collect())
    }

    /// Those of these names that the storage has; `None`: not all of it was read so far.
    async fn there(
        &self,
        cursor: &Cursor,
        names: &[String],
    ) -> Result<Option<HashSet<String>>, SourceError> {
        let RestCursor { digests, whole, .. } = &cursor.rest;
        Ok(match &self.stored {
            Kind::Rest(_) => whole.then(|| {
                let known = names.iter().filter(|name| digests.contains_key(*name));
                known.cloned().collect()
            }),
            Kind::Table(table) => Some(table.there(names).await?),
            Kind::Nowhere => Some(HashSet::new()),
        })
    }

    /// Of which type the account `name` is, also of another than kubernetes; `None`: there is none.
    pub async fn type_of(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<String>, SourceError> {
        match &self.stored {
            Kind::Rest(rest) => rest.type_of(name, user).await,
            Kind::Table(table) => Ok(table.type_of(name).await?),
            Kind::Nowhere => Ok(None),
        }
    }

    /// Whether it shows references to secrets as they were written. Clouddriver's API shows what they name
    /// in their place, and leaves an account out where it cannot read that.
    pub fn shows_references(&self) -> bool {
        !matches!(self.stored, Kind::Rest(_))
    }
}

impl Rest {
    async fn changed(
        &self,
        cursor: &mut RestCursor,
    ) -> Result<Option<Vec<(String, Definition)>>, SourceError> {
        let is_read = cursor.start.as_deref() == Some("");
        if is_read || cursor.pages == PAGES {
            cursor.start.take_if(|_| is_read);
            cursor.pages = 0;
            return Ok(None);
        }
        cursor.pages += 1;
        let limit = cursor.limit.unwrap_or(PAGE);
        let page = self.page(cursor.start.as_deref(), limit, None).await?;
        cursor.storeless = false;
        let full = page.len() >= limit;
        let before = cursor.present.len();
        let mut changed = Vec::new();
        for account in page {
            let Some(name) = name_of(&account).map(str::to_owned) else {
                continue;
            };
            cursor.start = Some(name.clone());
            cursor.present.insert(name.clone());
            let digest = digest(&account);
            if cursor.digests.insert(name.clone(), digest) != Some(digest) {
                changed.push((name, account));
            }
        }
        cursor.limit = next_limit(limit, full, cursor.present.len() > before);
        if cursor.limit.is_none() {
            let present = std::mem::take(&mut cursor.present);
            cursor.digests.retain(|name, _| present.contains(name));
            cursor.start = Some(String::new());
            cursor.whole = true;
        }
        Ok(Some(changed))
    }
}

fn digest(account: &Definition) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(account)
        .expect("what was JSON is JSON")
        .hash(&mut hasher);
    hasher.finish()
}
