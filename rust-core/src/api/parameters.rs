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

const PAGE: Parameter = Parameter {
    name: "page",
    kind: Kind::Number {
        min: 1,
        max: i64::MAX as u64,
    },
    doc: "From 1.",
};

/// The plugin passes the list's on, and says where it goes on.
pub(super) const NAMES: &[Parameter] = &[
    PAGE,
    Parameter {
        name: "limit",
        kind: Kind::Number { min: 1, max: 1000 },
        doc: "Accounts in a page; 100 when it is not given.",
    },
    Parameter {
        name: "status",
        kind: Kind::OneOf(STATUSES),
        doc: "Only accounts of this status.",
    },
    text("zoneId", "Only accounts of this zone."),
    Parameter {
        name: "source",
        kind: Kind::OneOf(&["clouddriver", "static-agent-config"]),
        doc: "Only accounts of this source.",
    },
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
    Parameter {
        name: "limit",
        kind: Kind::Number { min: 1, max: 1000 },
        doc: "Rows in a page; 100 when it is not given.",
    },
];

pub(super) const OPERATIONS: &[Parameter] = &[
    PAGE,
    Parameter {
        name: "items",
        kind: Kind::Number { min: 1, max: 1000 },
        doc: "Operations in a page; 100 when it is not given.",
    },
];

pub(super) const REPORT: &[Parameter] = &[Parameter {
    name: "report",
    kind: Kind::OneOf(&["items"]),
    doc: "items: the answer says of each account what came of it.",
}];

pub(super) const REPORT_OR_DRY_RUN: &[Parameter] = &[
    Parameter {
        name: "report",
        kind: Kind::OneOf(&["items"]),
        doc: "items: the answer says of each account what came of it.",
    },
    Parameter {
        name: "dryRun",
        kind: Kind::OneOf(&["true", "false"]),
        doc: "true: nothing is done; the answer says what would be, and what stands in its way.",
    },
];

pub(super) const EXPORT: &[Parameter] = &[
    text(
        "after",
        "The id of the last row that is known; those after it follow. Without `account` rows come once \
         they are ten seconds old: none that is earlier comes after them.",
    ),
    text("account", "Only rows of this account."),
    Parameter {
        name: "from",
        kind: TIME,
        doc: "Only rows from this time on, in Unix milliseconds.",
    },
    Parameter {
        name: "until",
        kind: TIME,
        doc: "Only rows before this time, in Unix milliseconds.",
    },
    Parameter {
        name: "limit",
        kind: Kind::Number {
            min: 1,
            max: 10_000,
        },
        doc: "At most so many rows; 1000 when it is not given.",
    },
];

const TIME: Kind = Kind::Number {
    min: 0,
    max: i64::MAX as u64,
};

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
