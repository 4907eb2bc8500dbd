//! The server as clients other than agents meet it.

use super::*;
use ferry_wire::v1::agents_client::AgentsClient;
use ferry_wire::v1::core_message::Kind;
use ferry_wire::v1::{Heartbeat, Register};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// A hub whose sessions are all let in; and the agents that left it.
async fn hub(health: bool, heartbeat: Option<Duration>) -> (Hub, mpsc::Receiver<String>) {
    let listening = Listening {
        address: "127.0.0.1:0".parse().unwrap(),
        max_message: MAX_MESSAGE_BYTES,
        tls: None,
        admission: Admission::default(),
        keep_alive: None,
        keep_alive_timeout: Duration::from_secs(20),
        health,
    };
    let settings = SessionSettings {
        core_id: "core".into(),
        heartbeat,
        grace: Duration::from_secs(600),
    };
    let (events, mut heard) = mpsc::channel(1);
    let registry = Arc::<Registry>::default();
    let hub = Hub::start(listening, settings, events, registry.clone())
        .await
        .unwrap();
    let (leaving, left) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(event) = heard.recv().await {
            match event {
                AgentEvent::Connected {
                    entry,
                    welcome,
                    done,
                    ..
                } => {
                    let agent_id = entry.agent.id.clone();
                    registry.enter(entry);
                    registry.send(&agent_id, Kind::Registered(welcome)).await;
                    done.send(Ok(())).unwrap();
                }
                AgentEvent::Left { agent_id, .. } => leaving.send(agent_id).await.unwrap(),
                AgentEvent::Reported { .. } => {}
            }
        }
    });
    (hub, left)
}

/// An agent that says nothing after its Register: what it is told, and its way to say more.
async fn silent(hub: &Hub) -> (Streaming<CoreMessage>, mpsc::Sender<AgentMessage>) {
    let register = Register {
        agent_id: "agent".to_owned(),
        zone_id: "zone".to_owned(),
        ..Register::default()
    };
    let (up, messages) = mpsc::channel(1);
    let kind = Some(ferry_wire::v1::agent_message::Kind::Register(register));
    up.send(AgentMessage { kind }).await.unwrap();
    let client = AgentsClient::connect(format!("http://{}", hub.address));
    let request = Request::new(ReceiverStream::new(messages));
    let down = client.await.unwrap().session(request).await.unwrap();
    (down.into_inner(), up)
}

async fn told(down: &mut Streaming<CoreMessage>) -> Kind {
    down.message().await.unwrap().unwrap().kind.unwrap()
}

#[tokio::test]
async fn without_heartbeats_an_agent_may_be_silent() {
    let (quiet, mut left_quiet) = hub(true, None).await;
    let (beating, mut left_beating) = hub(true, Some(Duration::from_millis(100))).await;
    // The one that may be silent is so for longer.
    let (mut down, _up) = silent(&quiet).await;
    let (mut other_down, _other_up) = silent(&beating).await;
    for (down, expected) in [(&mut down, 0), (&mut other_down, 1)] {
        let Kind::Registered(welcome) = told(down).await else {
            panic!("no Registered")
        };
        assert_eq!(welcome.heartbeat_seconds, expected);
    }
    assert_eq!(left_beating.recv().await.unwrap(), "agent");
    assert!(left_quiet.try_recv().is_err(), "its session goes on");
    let beat = Kind::Heartbeat(Heartbeat {});
    quiet.registry.send("agent", beat.clone()).await;
    assert_eq!(told(&mut down).await, beat);
    drop((down, other_down));
    quiet.shutdown().await;
    beating.shutdown().await;
}

#[tokio::test]
async fn an_agent_whose_id_another_has_is_told_so() {
    let (hub, _left) = hub(true, None).await;
    let (mut first, _first_up) = silent(&hub).await;
    told(&mut first).await;
    let (mut second, _second_up) = silent(&hub).await;
    told(&mut second).await;
    let status = first.message().await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Aborted);
    assert!(status.message().contains("same id"), "{status:?}");
    drop((first, second));
    hub.shutdown().await;
}

#[tokio::test]
async fn the_health_service_answers_while_it_is_enabled() {
    for enabled in [true, false] {
        let (hub, _left) = hub(enabled, None).await;
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", hub.address));
        let channel = endpoint.unwrap().connect().await.unwrap();
        let mut client = HealthClient::new(channel);
        let service = "ferry.v1.Agents".to_owned();
        let answer = client.check(HealthCheckRequest { service }).await;
        match enabled {
            true => assert_eq!(answer.unwrap().get_ref().status(), ServingStatus::Serving),
            false => assert_eq!(answer.unwrap_err().code(), tonic::Code::Unimplemented),
        }
        hub.shutdown().await;
    }
}
