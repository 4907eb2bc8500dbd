//! The protocol between Ferry's core and its agents.
//!
//! `proto/ferry/v1/agents.proto` tells what each message means. The generated code is checked in,
//! so nobody needs protoc to build; a test makes it anew and fails when it differs.

/// Messages and services of `ferry.v1`.
#[allow(missing_docs, clippy::all, unreachable_pub)]
#[rustfmt::skip]
pub mod v1 {
    include!("ferry.v1.rs");
}

/// The largest message either side takes, in bytes: the contract's `maxInboundMessageSize`.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The largest account that can be sent, encoded, in bytes: a message less what stands around it.
pub const MAX_ACCOUNT_BYTES: usize = MAX_MESSAGE_BYTES - 16 * 1024;

/// A kubeconfig is a secret, so an account prints without it.
impl std::fmt::Debug for v1::Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("name", &self.name)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for v1::account::Kubeconfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
