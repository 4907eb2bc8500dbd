//! The server as clients other than agents meet it.

use super::*;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

async fn hub(health: bool) -> Hub {
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
        heartbeat: None,
        grace: Duration::from_secs(600),
    };
    let (events, _) = mpsc::channel(1);
    Hub::start(listening, settings, events, Arc::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_health_service_answers_while_it_is_enabled() {
    for enabled in [true, false] {
        let hub = hub(enabled).await;
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
