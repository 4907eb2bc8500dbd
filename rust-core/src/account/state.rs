//! The words of the lifecycle, spelled as on the wire, in SQL and in JSON alike.

/// Declares an enum whose variants have one spelling everywhere, and the ways to and from it.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// The spelling on the wire, in SQL and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(word: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|value| value.as_str()).collect();
                    format!("`{word}` is none of {}", known.join(", "))
                })
            }
        }
    };
}

words! {
    /// Where an account stands. The contract's enum (section 5).
    Status {
        /// Provided, waiting for a person to migrate it.
        Inactive = "INACTIVE",
        /// An agent is told to serve it, or about to be.
        ToMigrate = "TO_MIGRATE",
        /// Sent to the agents of one zone; none has reached the cluster yet.
        Activating = "ACTIVATING",
        /// Served by the agents of one zone.
        Active = "ACTIVE",
        /// Adding or stopping it failed; the message says why.
        Failed = "FAILED",
        /// Was ACTIVE; its agents are gone.
        Orphaned = "ORPHANED",
        /// Its agents are about to be told to stop.
        ToDeactivate = "TO_DEACTIVATE",
        /// Every agent that holds it was told to stop.
        Deactivating = "DEACTIVATING",
        /// Its agents are told to stop; then the row goes.
        Deleting = "DELETING",
        /// An agent did not let go of it.
        DeleteFailed = "DELETE_FAILED",
    }
}

impl Status {
    /// On the way somewhere: such a status has a deadline.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Status::ToMigrate
                | Status::Activating
                | Status::ToDeactivate
                | Status::Deactivating
                | Status::Deleting
        )
    }

    /// The row is on its way out.
    pub fn is_deleting(self) -> bool {
        matches!(self, Status::Deleting | Status::DeleteFailed)
    }
}

words! {
    /// What a person (or the scan) asked for last. Retries and sweeps work towards it.
    Wanted {
        /// Served by agents.
        Active = "ACTIVE",
        /// Known, served by nobody.
        Inactive = "INACTIVE",
        /// Gone.
        Deleted = "DELETED",
    }
}

words! {
    /// What is known of one agent's hold on one account.
    HoldingState {
        /// It was sent SaveAccounts, or says that it is still connecting.
        Pending = "PENDING",
        /// It serves the account.
        Ready = "READY",
        /// It could not reach the cluster.
        Failed = "FAILED",
        /// It served the account and lost the cluster.
        Lost = "LOST",
        /// It left before it had reached the cluster.
        Away = "AWAY",
        /// It was sent DeleteAccounts.
        Dropping = "DROPPING",
        /// It did not carry out DeleteAccounts.
        Refused = "REFUSED",
    }
}

words! {
    /// Why an account is FAILED, as far as it decides what happens next.
    Failure {
        /// No agent could be asked: one that fits and connects is reason to try again.
        NoAgent = "NO_AGENT",
        /// Agents tried and failed, or did not let go.
        Agents = "AGENTS",
        /// Its definition or kubeconfig cannot be had.
        Definition = "DEFINITION",
    }
}

#[cfg(test)]
impl Status {
    /// Whether a row of this status may want this; tests hold every row to it.
    pub(crate) fn fits(self, wanted: Wanted) -> bool {
        match self {
            Status::Inactive | Status::ToDeactivate | Status::Deactivating => {
                wanted == Wanted::Inactive
            }
            Status::Failed => wanted != Wanted::Deleted,
            Status::Deleting | Status::DeleteFailed => wanted == Wanted::Deleted,
            _ => wanted == Wanted::Active,
        }
    }
}
