//! An agent's Register, read whole: one message, or several where it holds much.
//!
//! Called by `session` before anything else is heard. Bounded in time and in size, so that nobody
//! who only talks fills the memory.

use ferry_wire::v1::agent_message::Kind;
use ferry_wire::v1::{AgentMessage, Register};
use prost::Message;
use std::time::Duration;
use tonic::{Status, Streaming};

/// How long each part may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most that all parts may have, in bytes: some 100,000 accounts with long definitions.
const LARGEST: usize = 256 * 1024 * 1024;

/// Reads until the last part.
pub(super) async fn read(inbound: &mut Streaming<AgentMessage>) -> Result<Register, Status> {
    let mut whole = part(inbound).await?;
    let mut size = whole.encoded_len();
    while whole.more {
        let mut next = part(inbound).await?;
        size += next.encoded_len();
        if size > LARGEST {
            return Err(Status::resource_exhausted(format!(
                "what the agent holds takes more than {LARGEST} bytes; divide its accounts among \
                 more agents"
            )));
        }
        whole.static_accounts.append(&mut next.static_accounts);
        whole.held.append(&mut next.held);
        whole.more = next.more;
    }
    Ok(whole)
}

async fn part(inbound: &mut Streaming<AgentMessage>) -> Result<Register, Status> {
    let late = |_| Status::deadline_exceeded("no Register in time");
    let message = tokio::time::timeout(PATIENCE, inbound.message())
        .await
        .map_err(late)??;
    match message.and_then(|message| message.kind) {
        Some(Kind::Register(register)) => Ok(register),
        _ => Err(Status::failed_precondition(
            "the first message must be Register",
        )),
    }
}
