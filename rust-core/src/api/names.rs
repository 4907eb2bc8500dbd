//! The names of the list of all accounts, and those of one page: ours and those that Clouddriver has,
//! merged in byte order. `accounts` shows what they name.

use super::answer::Failure;
use super::{Api, Call, accounts};
use crate::source::Names;
use crate::store::{Filter, Part, Source};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many names the plugin gets at once.
pub(super) const NAMES: usize = 1000;

/// What Clouddriver has beside our tables, in the list that is asked for.
#[derive(Default)]
struct Beside {
    /// As [`Names::Query`] has it.
    query: Option<String>,
    /// Names that neither it nor our tables have, of this list, in byte order.
    others: Vec<String>,
}

impl Api {
    /// A part of the list's names, and how many there are in all.
    pub(super) async fn part(
        &self,
        filter: &Filter,
        part: Part,
        call: &Call<'_>,
        warnings: &mut Vec<Value>,
    ) -> Result<(Vec<String>, u64), Failure> {
        let leafing = part.after > 0;
        let beside = match self.beside(filter, leafing, call, warnings).await {
            Some(Names::Listed(theirs)) => return self.merged(filter, &theirs, part).await,
            Some(Names::Query(query, others)) => self.unknown_of(query, others, filter).await?,
            None => Beside::default(),
        };
        let query = beside.query.as_deref();
        let others = beside.others;
        // What is woven in moves each name by as many places as there are others, or fewer.
        let first = part.after.saturating_sub(others.len() as u64);
        let around = Part {
            after: first,
            limit: part.limit + others.len() as u64,
        };
        let (names, total) = self.store.part(filter, query, around).await?;
        let total = total + others.len() as u64;
        Ok((woven(names, first, others, part), total))
    }

    /// The first of the list's names: [`NAMES`] of them, and one more when there are more.
    pub(super) async fn first(
        &self,
        filter: &Filter,
        call: &Call<'_>,
        warnings: &mut Vec<Value>,
    ) -> Result<Vec<String>, Failure> {
        let limit = NAMES as u64 + 1;
        let part = Part { after: 0, limit };
        let leafing = filter.after.is_some();
        let beside = match self.beside(filter, leafing, call, warnings).await {
            Some(Names::Listed(theirs)) => return Ok(self.merged(filter, &theirs, part).await?.0),
            Some(Names::Query(query, others)) => self.unknown_of(query, others, filter).await?,
            None => Beside::default(),
        };
        let query = beside.query.as_deref();
        let names = self.store.first(filter, query, limit).await?;
        Ok(woven(names, 0, beside.others, part))
    }

    /// The names that Clouddriver has, when the list has those that nobody migrated.
    async fn beside(
        &self,
        filter: &Filter,
        leafing: bool,
        call: &Call<'_>,
        warnings: &mut Vec<Value>,
    ) -> Option<Names> {
        if !wants_unmigrated(filter) {
            return None;
        }
        let names = self.source.names(call.user(), leafing).await;
        names
            .inspect_err(|error| warnings.push(accounts::unlisted(error)))
            .ok()
    }

    /// Leaves out of the others what the list has anyway, or does not ask for.
    async fn unknown_of(
        &self,
        query: String,
        mut others: Vec<String>,
        filter: &Filter,
    ) -> Result<Beside, Failure> {
        others.retain(|name| asks_for(filter, name));
        let known = self.store.known(&others).await?;
        others.retain(|name| !known.contains(name));
        let query = Some(query);
        Ok(Beside { query, others })
    }

    /// A part of our names and `theirs`, and how many there are in all.
    async fn merged(
        &self,
        filter: &Filter,
        theirs: &[String],
        part: Part,
    ) -> Result<(Vec<String>, u64), Failure> {
        let begin = theirs.iter().filter(|name| asks_for(filter, name));
        let source = Source::Clouddriver;
        let mut names: BTreeMap<String, Source> =
            begin.map(|name| (name.clone(), source)).collect();
        let by_name = Filter {
            name: filter.name.clone(),
            after: filter.after.clone(),
            ..Filter::default()
        };
        for ours in self.store.names(&by_name).await? {
            names.insert(ours.name, ours.source);
        }
        names.retain(|_, source| filter.source.is_none_or(|wanted| wanted == *source));
        let total = names.len() as u64;
        Ok((cut(names.into_keys(), part), total))
    }
}

/// The part of a list of which `names` are those from the place `first` on, without the `others`.
fn woven(names: Vec<String>, first: u64, others: Vec<String>, part: Part) -> Vec<String> {
    let begin = names.first().cloned();
    let is_before = |other: &String| first > 0 && begin.as_ref().is_none_or(|begin| other < begin);
    let (before, within): (Vec<String>, Vec<String>) = others.into_iter().partition(is_before);
    let first = first + before.len() as u64;
    let all: BTreeSet<String> = names.into_iter().chain(within).collect();
    let after = part.after - first;
    cut(all.into_iter(), Part { after, ..part })
}

fn cut(names: impl Iterator<Item = String>, part: Part) -> Vec<String> {
    let [after, limit] = [part.after, part.limit].map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    names.skip(after).take(limit).collect()
}

/// Whether a name that no table of ours has is in the list.
fn asks_for(filter: &Filter, name: &str) -> bool {
    let prefix = filter.name.as_deref().unwrap_or_default();
    name.starts_with(prefix) && filter.after.as_deref().is_none_or(|before| name > before)
}

/// Accounts that nobody migrated have no status, zone or agent.
fn wants_unmigrated(filter: &Filter) -> bool {
    filter.status.is_none()
        && filter.zone_id.is_none()
        && filter.agent_id.is_none()
        && filter.source != Some(Source::StaticAgentConfig)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_woven_list_is_that_of_the_whole() {
        let letters = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        for (names, others) in [
            ("acegikm", "bdfhjln"),
            ("klmnop", "abc"),
            ("abc", "klmnop"),
            ("", "abc"),
            ("abc", ""),
            ("acz", "bdefgh"),
        ] {
            let (names, others) = (letters(names), letters(others));
            let whole: BTreeSet<String> = names.iter().chain(&others).cloned().collect();
            for after in 0..20 {
                for limit in 1..5 {
                    let part = Part { after, limit };
                    let first = after.saturating_sub(others.len() as u64);
                    let limit = limit + others.len() as u64;
                    let around = cut(
                        names.clone().into_iter(),
                        Part {
                            after: first,
                            limit,
                        },
                    );
                    assert_eq!(
                        woven(around, first, others.clone(), part),
                        cut(whole.clone().into_iter(), part),
                        "{names:?} {others:?} {part:?}"
                    );
                }
            }
        }
    }
}
