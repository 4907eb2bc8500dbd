//! What agents send, over a real connection: the core records it or refuses it, and goes on
//! answering.
#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use ferry_fuzz::{Ground, ground};
use ferry_wire::v1::account_report::State;
use ferry_wire::v1::agent_message::Kind;
use ferry_wire::v1::agents_client::AgentsClient;
use ferry_wire::v1::{
    AccountReport, AgentMessage, Connecting, Dropped, Failed, Heartbeat, Lost, Namespaces, Ready,
    Refused, Register, StaticAccount,
};
use http::Request;
use libfuzzer_sys::fuzz_target;
use prost::Message;
use std::sync::OnceLock;
use tonic::transport::{Channel, Endpoint};

#[derive(Arbitrary, Debug)]
enum Frame {
    Nothing,
    Heartbeat,
    Register {
        agent: String,
        zone: String,
        version: String,
        brings: Vec<(String, String, Option<Report>)>,
        holds: Vec<Report>,
        more: bool,
        refuses_dynamic: bool,
    },
    Report(Report),
    /// As bytes on the wire.
    Raw(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Report {
    account: Name,
    generation: u64,
    state: Option<Said>,
}

/// Names that exist come up, too.
#[derive(Arbitrary, Debug)]
enum Name {
    A,
    B,
    Any(String),
}

#[derive(Arbitrary, Debug)]
enum Said {
    Connecting(u32),
    Ready(
        String,
        String,
        String,
        Vec<String>,
        Option<(Vec<String>, u32)>,
    ),
    Failed(String),
    Lost(String),
    Dropped,
    Refused(String),
}

fuzz_target!(|frames: Vec<Frame>| {
    let ground = ground();
    ground.runtime.block_on(async {
        let mut agent = AgentsClient::new(channel(ground));
        let frames: Vec<AgentMessage> = frames.into_iter().filter_map(message).collect();
        if let Ok(answers) = agent.session(tokio_stream::iter(frames)).await {
            let mut answers = answers.into_inner();
            while let Ok(Some(_)) = answers.message().await {}
        }
        for path in ["/armory/accounts", "/armory/agents"] {
            let request = Request::get(path).body(Bytes::new()).expect("a request");
            let answer = ground.core.handle(request).await;
            assert_eq!(answer.status(), 200, "{path}");
        }
    });
});

fn channel(ground: &Ground) -> Channel {
    static CHANNEL: OnceLock<Channel> = OnceLock::new();
    let address = format!("http://{}", ground.core.grpc_address());
    CHANNEL
        .get_or_init(|| {
            Endpoint::from_shared(address)
                .expect("an address")
                .connect_lazy()
        })
        .clone()
}

/// `None`: bytes that are no message, as the server would find.
fn message(frame: Frame) -> Option<AgentMessage> {
    let kind = match frame {
        Frame::Nothing => None,
        Frame::Raw(bytes) => return AgentMessage::decode(&bytes[..]).ok(),
        Frame::Heartbeat => Some(Kind::Heartbeat(Heartbeat {})),
        Frame::Report(said) => Some(Kind::Report(report(said))),
        Frame::Register {
            agent,
            zone,
            version,
            brings,
            holds,
            more,
            refuses_dynamic,
        } => Some(Kind::Register(Register {
            agent_id: agent,
            zone_id: zone,
            version,
            static_accounts: brings
                .into_iter()
                .map(|(name, definition, said)| StaticAccount {
                    name,
                    definition,
                    report: said.map(report),
                })
                .collect(),
            held: holds.into_iter().map(report).collect(),
            more,
            refuses_dynamic,
        })),
    };
    Some(AgentMessage { kind })
}

fn report(report: Report) -> AccountReport {
    let state = report.state.map(|said| match said {
        Said::Connecting(waited_seconds) => State::Connecting(Connecting { waited_seconds }),
        Said::Ready(kube_host, kube_version, cert_fingerprint, kinds, seen) => {
            State::Ready(Ready {
                kube_host,
                kube_version,
                cert_fingerprint,
                kinds,
                namespaces: seen.map(|(names, total)| Namespaces { names, total }),
            })
        }
        Said::Failed(cause) => State::Failed(Failed { cause }),
        Said::Lost(cause) => State::Lost(Lost { cause }),
        Said::Dropped => State::Dropped(Dropped {}),
        Said::Refused(cause) => State::Refused(Refused { cause }),
    });
    AccountReport {
        account: match report.account {
            Name::A => "a".to_owned(),
            Name::B => "b".to_owned(),
            Name::Any(name) => name,
        },
        generation: report.generation,
        state,
    }
}
