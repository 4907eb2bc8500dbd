//! What a session makes of an agent's messages, for tests whose agents have no connection.

use super::{AgentEvent, Entry, convert};
use crate::account::Agent;
use crate::store::Report;
use ferry_wire::v1::{AccountReport, CoreMessage, Register, Registered};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// An agent's end of a session.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) session_id: String,
    /// What the core says.
    pub(crate) inbox: mpsc::Receiver<Result<CoreMessage, Status>>,
    /// Cancelled when the core ends the session.
    pub(crate) end: CancellationToken,
    /// Whether the core took it.
    pub(crate) done: oneshot::Receiver<Result<(), String>>,
}

/// The event of an agent that connects, and its line.
pub(crate) fn connects(register: Register, core_id: &str, session_id: &str) -> (AgentEvent, Line) {
    let agent = Agent {
        id: register.agent_id.clone(),
        zone_id: register.zone_id.clone(),
    };
    let registration = convert::registration(register, core_id, session_id.to_owned());
    let (outbox, inbox) = mpsc::channel(1000);
    let (done, taken) = oneshot::channel();
    let end = CancellationToken::new();
    let event = AgentEvent::Connected {
        registration: registration.expect("the test's agents are in order"),
        entry: Entry {
            agent,
            session_id: session_id.to_owned(),
            outbox,
            end: end.clone(),
        },
        welcome: Registered {
            core_id: core_id.to_owned(),
            heartbeat_seconds: 30,
            grace_seconds: 600,
        },
        done,
    };
    let line = Line {
        session_id: session_id.to_owned(),
        inbox,
        end,
        done: taken,
    };
    (event, line)
}

/// The event of a report.
pub(crate) fn reports(agent_id: &str, session_id: &str, report: AccountReport) -> AgentEvent {
    let report = Report {
        agent_id: agent_id.to_owned(),
        session_id: session_id.to_owned(),
        held: convert::held(report).expect("accounts of the test have names"),
    };
    AgentEvent::Reported(report, None)
}
