//! What a call can fail with: a kind for programs, a message for people.
//!
//! The table of kinds is the one of both doors: its name reaches Java, its code reaches C. Made by
//! `verbs` and `guard`; nothing here holds a value of somebody's configuration but our own keys'.

use ferry_core::config::ConfigErrors;
use ferry_core::{NotJournaled, StartError, causes};

/// What kind of failure it is. The codes are C's, and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Kind {
    /// A key of ours is unknown, or its value is wrong.
    Config = 1,
    /// The database cannot be opened.
    Database = 2,
    /// The key file cannot be read or made.
    KeyFile = 3,
    /// The agents' port cannot be listened on.
    Listen = 4,
    /// A defect of ours: something panicked.
    Panic = 5,
    /// There is no such core, or no such interception of it, any more.
    StaleHandle = 6,
    /// What the caller passed is not what the function takes.
    BadArgument = 7,
    /// The core is being shut down.
    Shutdown = 8,
    /// Everything else.
    Internal = 9,
    /// A write is to be refused: it cannot be journaled, and `interceptor.strict` is on.
    NotJournaled = 10,
    /// The same, and such a write is never recorded.
    NotRecordable = 11,
}

impl Kind {
    /// Its name in `FerryException.kind`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Config => "CONFIG",
            Kind::Database => "DATABASE",
            Kind::KeyFile => "KEY_FILE",
            Kind::Listen => "LISTEN",
            Kind::Panic => "PANIC",
            Kind::StaleHandle => "STALE_HANDLE",
            Kind::BadArgument => "BAD_ARGUMENT",
            Kind::Shutdown => "SHUTDOWN",
            Kind::Internal => "INTERNAL",
            Kind::NotJournaled => "NOT_JOURNALED",
            Kind::NotRecordable => "NOT_RECORDABLE",
        }
    }
}

/// Why a call gives no result.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn argument(message: impl Into<String>) -> Failure {
        Failure::new(Kind::BadArgument, message)
    }

    pub(crate) fn shutdown() -> Failure {
        Failure::new(Kind::Shutdown, "the core is being shut down")
    }

    /// Of what a `catch_unwind` caught.
    pub(crate) fn panic(payload: &(dyn std::any::Any + Send)) -> Failure {
        let said = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        let said = said.unwrap_or_else(|| "a panic without a message".to_owned());
        Failure::new(Kind::Panic, said)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Failure {
        Failure::new(Kind::Config, errors.to_string())
    }
}

impl From<NotJournaled> for Failure {
    fn from(refused: NotJournaled) -> Failure {
        let kind = match refused {
            NotJournaled::Now(_) => Kind::NotJournaled,
            NotJournaled::Ever(_) => Kind::NotRecordable,
        };
        Failure::new(kind, refused.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        let kind = match error {
            StartError::Store { .. } | StartError::NoSource => Kind::Database,
            StartError::Location(_) => Kind::Config,
            StartError::Takeover(_) => Kind::Database,
            StartError::Secret(_) => Kind::KeyFile,
            StartError::Listen(_) => Kind::Listen,
        };
        Failure::new(kind, causes(&error))
    }
}
