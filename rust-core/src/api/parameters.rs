//! The parameters of queries, as `routes` names them for each route, `query` holds a request to them
//! and the OpenAPI document shows them.

/// A parameter of a query.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) doc: &'static str,
}

/// What a parameter's value is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number { min: u64, max: u64 },
    OneOf(&'static [&'static str]),
}

/// The largest number of every database.
const MOST: u64 = i64::MAX as u64;

const PAGE: Parameter = number("page", 1, MOST, "From 1.");

/// The plugin passes the list's on, and says where it goes on.
pub(super) const NAMES: &[Parameter] = &[
    PAGE,
    number(
        "limit",
        1,
        1000,
        "Accounts in a page; 100 when it is not given.",
    ),
    one_of("status", STATUSES, "Only accounts of this status."),
    text("zoneId", "Only accounts of this zone."),
    one_of(
        "source",
        &["clouddriver", "static-agent-config"],
        "Only accounts of this source.",
    ),
    text("agentId", "Only accounts that this agent may have."),
    text("name", "Only accounts whose name begins so."),
    text("after", "Only accounts whose name comes after this one."),
];

pub(super) const LIST: &[Parameter] = match NAMES.split_last() {
    Some((_, list)) => list,
    None => NAMES,
};

/// As in `account::Status`; a test holds it.
pub(super) const STATUSES: &[&str] = &[
    "INACTIVE",
    "ACTIVE",
    "FAILED",
    "ORPHANED",
    "DELETE_FAILED",
    "TO_MIGRATE",
    "ACTIVATING",
    "TO_DEACTIVATE",
    "DEACTIVATING",
    "DELETING",
];

pub(super) const PAGES: &[Parameter] = &[
    PAGE,
    number(
        "limit",
        1,
        1000,
        "Rows in a page; 100 when it is not given.",
    ),
];

pub(super) const OPERATIONS: &[Parameter] = &[
    PAGE,
    number(
        "items",
        1,
        1000,
        "Operations in a page; 100 when it is not given.",
    ),
];

pub(super) const REPORT_OR_DRY_RUN: &[Parameter] = &[
    one_of(
        "report",
        &["items"],
        "items: the answer says of each account what came of it.",
    ),
    one_of(
        "dryRun",
        &["true", "false"],
        "true: nothing is done; the answer says what would be, and what stands in its way.",
    ),
];

pub(super) const REPORT: &[Parameter] = REPORT_OR_DRY_RUN.split_at(1).0;

pub(super) const EXPORT: &[Parameter] = &[
    text(
        "after",
        "The id of the last row that is known; those after it follow. Without `account` rows come once \
         they are ten seconds old: none that is earlier comes after them.",
    ),
    text("account", "Only rows of this account."),
    number(
        "from",
        0,
        MOST,
        "Only rows from this time on, in Unix milliseconds.",
    ),
    number(
        "until",
        0,
        MOST,
        "Only rows before this time, in Unix milliseconds.",
    ),
    number(
        "limit",
        1,
        10_000,
        "At most so many rows; 1000 when it is not given.",
    ),
];

const fn number(name: &'static str, min: u64, max: u64, doc: &'static str) -> Parameter {
    let kind = Kind::Number { min, max };
    Parameter { name, kind, doc }
}

const fn one_of(
    name: &'static str,
    values: &'static [&'static str],
    doc: &'static str,
) -> Parameter {
    let kind = Kind::OneOf(values);
    Parameter { name, kind, doc }
}

pub(super) const fn text(name: &'static str, doc: &'static str) -> Parameter {
    let kind = Kind::Text;
    Parameter { name, kind, doc }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_the_lifecycles() {
        let own = crate::account::Status::ALL;
        assert_eq!(STATUSES.len(), own.len());
        assert!(own.iter().all(|own| STATUSES.contains(&own.as_str())));
    }
}
