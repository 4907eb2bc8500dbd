//! Pages of the list of all accounts there are: static ones, rows, and those of a source beside our
//! tables, merged by name in byte order. Names and counts come from indexes; definitions are not
//! looked at. `api` calls it, and then reads what it shows of the names of its page.

use super::adopt::ours;
use super::{Store, StoreError, statics};
use crate::account::Status;
use crate::sql::{Statement, sql};

/// Where an account comes from, spelled as in the contract's `source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Brought by an agent's own configuration.
    StaticAgentConfig,
    /// From Clouddriver.
    Clouddriver,
}

impl Source {
    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Source::StaticAgentConfig => "static-agent-config",
            Source::Clouddriver => "clouddriver",
        }
    }
}

/// What a list is narrowed to; all conditions hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only accounts of this status; static accounts and unmigrated ones have none.
    pub status: Option<Status>,
    /// Only accounts of this zone: the one that was asked for, else the one that serves.
    pub zone_id: Option<String>,
    /// Only accounts of this source.
    pub source: Option<Source>,
    /// Only accounts this agent may have.
    pub agent_id: Option<String>,
    /// Only accounts whose name begins so.
    pub name: Option<String>,
    /// Only accounts whose name comes after this one.
    pub after: Option<String>,
}

/// A name in a list. One that is both static and dynamic is listed as static.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The account.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
}

/// A part of the list.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// How many names come before it.
    pub after: u64,
    /// How many it has at most.
    pub limit: u64,
}

impl Store {
    /// The names in our tables, filtered, each once, in byte order.
    pub async fn names(&self, filter: &Filter) -> Result<Vec<Listed>, StoreError> {
        let mut tx = self.pool.read().await?;
        let ours = ours(&mut tx).await?;
        let mut listed = Vec::new();
        for (source, names) in [
            (Source::StaticAgentConfig, brought(filter)),
            (Source::Clouddriver, rows(filter, ours)),
        ] {
            let Some(names) = names else { continue };
            let names = names.column(&mut tx).await?;
            listed.extend(names.into_iter().map(|name| Listed { name, source }));
        }
        tx.commit().await?;
        listed.sort();
        Ok(listed)
    }

    /// A part of the names in our tables, and of those that `beside` names, a query on the same
    /// database with one column `name` that compares by bytes; and how many there are in all. What
    /// is `beside` is filtered by name alone.
    pub async fn part(
        &self,
        filter: &Filter,
        beside: Option<&str>,
        part: Part,
    ) -> Result<(Vec<String>, u64), StoreError> {
        let mut tx = self.pool.read().await?;
        let ours = ours(&mut tx).await?;
        let (mut streams, mut total) = (Vec::new(), 0);
        for stream in all(filter, beside, ours) {
            let mut counted = sql("");
            counted.push_all("SELECT COUNT(*) FROM (", stream.clone(), ") c");
            let count = u64::try_from(counted.count(&mut tx).await?).unwrap_or_default();
            total += count;
            if count > 0 {
                streams.push(stream);
            }
        }
        let names = match part.after < total {
            true => merge(streams, part).column(&mut tx).await?,
            false => Vec::new(),
        };
        tx.commit().await?;
        Ok((names, total))
    }

    /// The first names of such a list, at most `limit` of them, and none counted.
    pub async fn first(
        &self,
        filter: &Filter,
        beside: Option<&str>,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let mut tx = self.pool.read().await?;
        let ours = ours(&mut tx).await?;
        let streams: Vec<Statement> = all(filter, beside, ours).collect();
        let names = match streams.is_empty() {
            true => Vec::new(),
            false => {
                let part = Part { after: 0, limit };
                merge(streams, part).column(&mut tx).await?
            }
        };
        tx.commit().await?;
        Ok(names)
    }
}

/// The lists that make up the one that is asked for; `ours` is what [`ours`] says.
fn all(filter: &Filter, beside: Option<&str>, ours: &str) -> impl Iterator<Item = Statement> {
    let beside = beside.map(|query| unmigrated(query, filter, ours));
    [brought(filter), rows(filter, ours), beside]
        .into_iter()
        .flatten()
}

/// The names of a part. Of each stream no more is read than could be in it.
fn merge(mut streams: Vec<Statement>, Part { after, limit }: Part) -> Statement {
    let end = after + limit;
    let mut merged = sql("");
    if streams.len() == 1 {
        merged.push_all("", streams.remove(0), "");
    } else {
        merged.push("SELECT name FROM (");
        for (at, stream) in streams.into_iter().enumerate() {
            let before = if at == 0 { "" } else { " UNION ALL " };
            let before = format!("{before}SELECT name FROM (");
            let bound = format!(" ORDER BY name LIMIT {end}) s{at}");
            merged.push_all(&before, stream, &bound);
        }
        merged.push(") m");
    }
    merged.push(&format!(" ORDER BY name LIMIT {limit} OFFSET {after}"));
    merged
}

/// The static accounts that count.
fn brought(filter: &Filter) -> Option<Statement> {
    if filter.status.is_some() || filter.source == Some(Source::Clouddriver) {
        return None;
    }
    let mut names = sql(format!(
        "SELECT DISTINCT name FROM kubesvc_ferry_static_accounts s WHERE {}",
        statics::counts("s")
    ));
    begins(&mut names, "s.name", filter);
    if let Some(zone_id) = &filter.zone_id {
        names.push(" AND s.zone_id = ");
        names.push_text(zone_id);
    }
    if let Some(agent_id) = &filter.agent_id {
        names.push(" AND s.agent_id = ");
        names.push_text(agent_id);
    }
    Some(names)
}

/// The rows that no static account goes before.
fn rows(filter: &Filter, ours: &str) -> Option<Statement> {
    if filter.source == Some(Source::StaticAgentConfig) {
        return None;
    }
    let mut names = sql(format!(
        "SELECT a.name FROM kubesvc_accounts a WHERE {ours} AND NOT EXISTS
         (SELECT 1 FROM kubesvc_ferry_static_accounts s WHERE s.name = a.name AND {})",
        statics::counts("s")
    ));
    begins(&mut names, "a.name", filter);
    if let Some(status) = filter.status {
        names.push(" AND a.status = ");
        names.push_text(status.as_str());
    }
    if let Some(zone_id) = &filter.zone_id {
        names.push(" AND (a.requested_zone = ");
        names.push_text(zone_id);
        names.push(" OR (a.requested_zone IS NULL AND a.zone_id = ");
        names.push_text(zone_id);
        names.push("))");
    }
    if let Some(agent_id) = &filter.agent_id {
        names.push(" AND a.name IN (SELECT account FROM kubesvc_ferry_holdings WHERE agent_id = ");
        names.push_text(agent_id);
        names.push(")");
    }
    Some(names)
}

/// Those of the source that are in none of our tables.
fn unmigrated(beside: &str, filter: &Filter, ours: &str) -> Statement {
    let mut names = sql(format!(
        "SELECT u.name FROM ({beside}) u WHERE NOT EXISTS
         (SELECT 1 FROM kubesvc_accounts a WHERE a.name = u.name AND {ours}) AND NOT EXISTS
         (SELECT 1 FROM kubesvc_ferry_static_accounts s WHERE s.name = u.name)"
    ));
    begins(&mut names, "u.name", filter);
    names
}

/// A range, since a pattern would take letters of the name for wildcards.
fn begins(names: &mut Statement, column: &str, filter: &Filter) {
    if let Some(before) = &filter.after {
        names.push(&format!(" AND {column} > "));
        names.push_text(before);
    }
    let Some(prefix) = &filter.name else { return };
    names.push(&format!(" AND {column} >= "));
    names.push_text(prefix);
    if let Some(end) = after_all_with(prefix) {
        names.push(&format!(" AND {column} < "));
        names.push_text(&end);
    }
}

/// The first text, in byte order, after all that begin with `prefix`; `None`: there is none.
fn after_all_with(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        // The successor, past the gap of the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::after_all_with;

    #[test]
    fn a_prefix_ends_where_its_last_letter_does() {
        let end = |prefix| after_all_with(prefix);
        assert_eq!(end("a"), Some("b".to_owned()));
        assert_eq!(end("a\u{d7ff}"), Some("a\u{e000}".to_owned()));
        assert_eq!(end("a\u{10ffff}"), Some("b".to_owned()));
        assert_eq!(end("\u{10ffff}"), None);
        assert_eq!(end(""), None);
    }
}
