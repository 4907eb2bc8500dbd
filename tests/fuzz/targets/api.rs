//! Requests to `/armory/**` and `/agents/**`: a first line `METHOD target`, then the body. Whatever
//! is asked, the answer is no failure of ours, is JSON or lines of it, and holds no secret.
#![no_main]

use bytes::Bytes;
use ferry_fuzz::{PLANTED, ground};
use http::{Method, Request};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some(request) = request(data) else {
        return Corpus::Reject;
    };
    let asked = format!("{} {}", request.method(), request.uri());
    let ground = ground();
    let answer = ground.runtime.block_on(ground.core.handle(request));
    let status = answer.status().as_u16();
    assert!(status < 500 || status == 501, "{asked}: {status}");
    let body = answer.body();
    let text = std::str::from_utf8(body).expect("an answer is UTF-8");
    assert!(!text.contains(PLANTED), "{asked}: a secret is answered");
    let lines = answer
        .headers()
        .get("content-type")
        .is_some_and(|it| it == "application/x-ndjson");
    let values = match lines {
        true => text.lines().collect(),
        false if text.is_empty() => Vec::new(),
        false => vec![text],
    };
    for value in values {
        let _: serde_json::Value = serde_json::from_str(value).expect("an answer is JSON");
    }
    Corpus::Keep
});

fn request(data: &[u8]) -> Option<Request<Bytes>> {
    let line = data.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = (std::str::from_utf8(&data[..line]).ok()?, &data[line + 1..]);
    let (method, target) = head.split_once(' ')?;
    Request::builder()
        .method(Method::from_bytes(method.as_bytes()).ok()?)
        .uri(target)
        .header("content-type", "application/json")
        .body(Bytes::copy_from_slice(body))
        .ok()
}
