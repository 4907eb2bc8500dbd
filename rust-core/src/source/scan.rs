//! Reading what is new or changed since the last look. The table is asked for what was modified
//! since; of the REST API, which cannot be, a look reads some accounts, in turn all of them, and leaves
//! out what is as it was.
//!
//! `lifecycle` scans with a [`Cursor`], which lives as long as the process does.

use super::rest::next_limit;
use super::table::TableCursor;
use super::{Definition, Kind, PAGE, Rest, Source, SourceError, name_of};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Pages of the REST API that one look reads.
const PAGES: usize = 4;

/// How far the looks at a source have come.
#[derive(Debug, Default)]
pub struct Cursor {
    rest: RestCursor,
    table: TableCursor,
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
}

impl Source {
    /// The next accounts that are new or changed since the last look, at most a page of them;
    /// `None`: this look is over, and the next call begins another.
    pub async fn changed(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Option<Vec<(String, Definition)>>, SourceError> {
        match &self.0 {
            Kind::Rest(rest) => rest.changed(&mut cursor.rest).await,
            Kind::Table(table) => Ok(table.changed(&mut cursor.table).await?),
        }
    }

    /// Some names, in turn all of them: for rows that appear with a time long past.
    pub async fn walk(
        &self,
        cursor: &mut Cursor,
        limit: usize,
    ) -> Result<Vec<String>, SourceError> {
        match &self.0 {
            Kind::Rest(_) => Ok(Vec::new()),
            Kind::Table(table) => Ok(table.walk(&mut cursor.table, limit).await?),
        }
    }

    /// Those of these names that the source has no Kubernetes account of, as of the last look.
    pub async fn missing(
        &self,
        cursor: &Cursor,
        names: &[String],
    ) -> Result<Vec<String>, SourceError> {
        let there = match &self.0 {
            Kind::Rest(_) => {
                let RestCursor { digests, whole, .. } = &cursor.rest;
                // Nothing at all is an answer for who may see nothing.
                if !whole || digests.is_empty() {
                    return Ok(Vec::new());
                }
                let known = names.iter().filter(|name| digests.contains_key(*name));
                known.cloned().collect()
            }
            Kind::Table(table) => table.there(names).await?,
        };
        let missing = names.iter().filter(|name| !there.contains(*name));
        Ok(missing.cloned().collect())
    }

    /// Of which type the account `name` is, also of another than kubernetes; `None`: there is none.
    pub async fn type_of(
        &self,
        name: &str,
        user: Option<&str>,
    ) -> Result<Option<String>, SourceError> {
        match &self.0 {
            Kind::Rest(rest) => rest.type_of(name, user).await,
            Kind::Table(table) => Ok(table.type_of(name).await?),
        }
    }

    /// Whether it shows references to secrets as they were written. Clouddriver's API shows what they name
    /// in their place, and leaves an account out where it cannot read that.
    pub fn shows_references(&self) -> bool {
        self.is_table()
    }

    /// Whether it is Clouddriver's table.
    pub fn is_table(&self) -> bool {
        matches!(self.0, Kind::Table(_))
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
