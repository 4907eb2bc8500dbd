//! A Clouddriver for tests, as far as this crate asks it: `GET /credentials/type/kubernetes` on
//! loopback, in pages, from accounts that a test puts there.

use super::Source;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// It serves until it is dropped or [`TestSource::stop`]ped.
pub(crate) struct TestSource {
    pub(crate) url: String,
    content: Arc<Mutex<Content>>,
    tasks: JoinSet<()>,
}

#[derive(Default)]
struct Content {
    accounts: BTreeMap<String, Value>,
    status: Option<StatusCode>,
    exception: Option<&'static str>,
    users: Vec<Option<String>>,
    later: VecDeque<(String, Option<Value>)>,
}

impl TestSource {
    pub(crate) async fn start() -> TestSource {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let content = Arc::new(Mutex::new(Content::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, content.clone()));
        TestSource {
            url,
            content,
            tasks,
        }
    }

    pub(crate) fn source(&self) -> Source {
        Source::rest(&self.url, None)
    }

    fn content(&self) -> std::sync::MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    /// Puts a Kubernetes account with these further fields.
    pub(crate) fn put(&self, name: &str, fields: Value) {
        self.put_of_type("kubernetes", name, fields);
    }

    pub(crate) fn put_of_type(&self, of_type: &str, name: &str, fields: Value) {
        let account = account(of_type, name, fields);
        self.content().accounts.insert(name.to_owned(), account);
    }

    /// Puts an account that Clouddriver has and leaves out, for it cannot read a secret of it.
    pub(crate) fn put_unreadable(&self, name: &str) {
        self.put_of_type(UNREADABLE, name, json!({}));
    }

    /// What becomes of an account once the next request that finds no earlier one of these is
    /// answered; no fields: it is removed.
    pub(crate) fn after_the_next_answer(&self, name: &str, fields: Option<Value>) {
        self.content().later.push_back((name.to_owned(), fields));
    }

    pub(crate) fn remove(&self, name: &str) {
        self.content().accounts.remove(name);
    }

    /// Answers every request with this from now on; `None`: as it should.
    pub(crate) fn answer(&self, status: Option<StatusCode>) {
        self.content().status = status;
    }

    /// The same, with this exception's name in the answer.
    pub(crate) fn refuse(&self, status: StatusCode, exception: &'static str) {
        self.answer(Some(status));
        self.content().exception = Some(exception);
    }

    /// Who asked, request by request.
    pub(crate) fn users(&self) -> Vec<Option<String>> {
        self.content().users.clone()
    }

    /// Refuses connections from now on.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// Stands for the type of a kubernetes account that is left out of pages, and counts in them.
const UNREADABLE: &str = "unreadable";

fn account(of_type: &str, name: &str, fields: Value) -> Value {
    let mut account = json!({"type": of_type, "name": name});
    let fields = fields.as_object().unwrap().clone();
    account.as_object_mut().unwrap().extend(fields);
    account
}

async fn serve(listener: TcpListener, content: Arc<Mutex<Content>>) {
    // Connections end with their listener.
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let content = content.clone();
        connections.spawn(async move {
            let service = service_fn(|request| {
                let response = respond(&request, &mut content.lock().unwrap());
                async { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            // A client that goes away is no concern of the test's.
            drop(
                connection
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

fn respond(request: &Request<Incoming>, content: &mut Content) -> Response<Full<Bytes>> {
    let user = request.headers().get("X-SPINNAKER-USER");
    let user = user.map(|user| String::from_utf8(user.as_bytes().to_vec()).unwrap());
    content.users.push(user);
    let (status, body) = match (content.status, request.uri().path()) {
        (Some(status), _) => {
            let exception = content.exception;
            let body = json!({"error": "as the test wants", "exception": exception});
            (status, body)
        }
        (None, "/credentials/type/kubernetes") => {
            let query = request.uri().query().unwrap_or_default();
            (StatusCode::OK, page(&content.accounts, query))
        }
        (None, path) => (StatusCode::NOT_FOUND, json!({"path": path})),
    };
    if let Some((name, fields)) = content.later.pop_front() {
        match fields {
            Some(fields) => {
                let account = account("kubernetes", &name, fields);
                content.accounts.insert(name, account);
            }
            None => drop(content.accounts.remove(&name)),
        }
    }
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    response
}

/// The rows with id >= startingAccountName, ordered by id.
fn page(accounts: &BTreeMap<String, Value>, query: &str) -> Value {
    let (mut limit, mut start) = (100, String::new());
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "limit" => limit = value.parse().unwrap(),
            "startingAccountName" => start = crate::encoding::decode_query(value),
            other => panic!("Clouddriver knows no `{other}`"),
        }
    }
    let rows = accounts.range(start..).map(|(_, account)| account);
    let rows =
        rows.filter(|account| account["type"] == "kubernetes" || account["type"] == UNREADABLE);
    let rows = rows
        .take(limit)
        .filter(|account| account["type"] != UNREADABLE);
    rows.cloned().collect()
}
