//! A thousand random requests, each sent straight to the upstream and through the sidecar: what the
//! upstream saw and what the client got must be the same, but for what a proxy must change.
//!
//! `FERRY_SEED` repeats a run. Sizes are log-uniform from nothing to 64 MiB, 4 GiB in all.

use crate::ground::Ground;
use crate::upstream::saw;
use crate::wire::{Body, Head, Wire};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

const REQUESTS: usize = 1000;
const LARGEST: u64 = 64 << 20;
const TOTAL: u64 = 4 << 30;
const BLOCK: usize = 1 << 20;

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }

    fn text(&mut self, pieces: &[&'static str], most: u64) -> String {
        (0..self.below(most)).map(|_| self.pick(pieces)).collect()
    }
}

/// Random bytes; bodies are pieces of it.
fn block() -> &'static [u8] {
    static BLOCK_BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BLOCK_BYTES.get_or_init(|| {
        let mut random = Random(7);
        (0..BLOCK / 8)
            .flat_map(|_| random.next().to_le_bytes())
            .collect()
    })
}

struct Request {
    head: Vec<u8>,
    method: String,
    size: u64,
    /// Where in the block its body begins.
    offset: usize,
    chunked: bool,
    /// The largest piece in which it is written.
    piece: usize,
    mirrored: bool,
}

const PATHS: &[&str] = &[
    "/",
    "//",
    "/a",
    "/B9",
    "/.",
    "/..",
    "/%2F",
    "/%2e%2E",
    "/%00",
    "/%E4%BD%A0",
    "/;x=1",
    "/a;b;c=d",
    "/~u",
    "/a+b",
    "/a%20b",
    "/!$&'()*,:@=",
    "/{x}",
    "/|",
    "/credentials",
    "/%zz",
    "/-_.",
    "/x/y/z",
];
const QUERIES: &[&str] = &[
    "a=b", "&", "&&", "=", "a", "?", "/", "%20", "+", "%C3%A9", "a[]=1", ";", "{}", "x=../..", "'",
    "|",
];
const METHODS: &[&str] = &[
    "GET", "GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "X-ODD",
    "lower",
];
const NAMES: &[&str] = &[
    "X-Dup",
    "x-dup",
    "X-DUP",
    "Accept",
    "Cookie",
    "X-a.b_c!",
    "If-None-Match",
    "User-Agent",
    "X-Empty",
    "Forwarded",
];
const VALUES: &[&str] = &[
    "a", "B", "9", " ", "\t", ",", ";q=0.5", "\"q\"", "\u{e9}", "\u{ff}", "=", "%", "(c)", "{}",
];

fn request(random: &mut Random, size: u64) -> Request {
    let method = random.pick(METHODS).to_owned();
    let mut target = format!("/t{}", random.text(PATHS, 6));
    if random.below(2) == 0 {
        target += &format!("?{}", random.text(QUERIES, 6));
    }
    let chunked = random.below(2) == 0;
    let mirrored = size > 0 && random.below(4) == 0 && method != "HEAD";
    let mut head = format!(
        "{method} {target} HTTP/1.1\r\nHost: h{}:{}\r\n",
        random.below(9),
        random.below(9999)
    );
    for _ in 0..random.below(12) {
        let (name, value) = (random.pick(NAMES), random.text(VALUES, 8));
        head += &format!("{name}: {}\r\n", value.trim());
    }
    if mirrored {
        head += "X-Mirror: 1\r\nTE: trailers\r\n";
    }
    head += &match (chunked, size) {
        (true, _) => "Transfer-Encoding: chunked\r\n".to_owned(),
        (false, 0) if random.below(2) == 0 => String::new(),
        (false, size) => format!("Content-Length: {size}\r\n"),
    };
    head += "\r\n";
    Request {
        head: head.chars().map(|c| c as u8).collect(),
        method,
        size,
        offset: random.below(BLOCK as u64) as usize,
        chunked,
        piece: 1 << (10 + random.below(9)),
        mirrored,
    }
}

/// Log-uniform, ten of the largest, none of them lost: the sum is at least [`TOTAL`].
fn sizes(random: &mut Random) -> Vec<u64> {
    let mut sizes: Vec<u64> = (0..REQUESTS as u64)
        .map(|index| match index {
            0..10 => LARGEST,
            10..60 => 0,
            _ => {
                let exponent = random.below(1 << 20) as f64 / f64::from(1 << 20);
                (LARGEST as f64).powf(exponent) as u64
            }
        })
        .collect();
    while sizes.iter().sum::<u64>() < TOTAL {
        sizes
            .iter_mut()
            .for_each(|size| *size = (*size * 21 / 20).min(LARGEST));
    }
    // Not the largest first.
    for index in (1..sizes.len()).rev() {
        sizes.swap(index, random.below(index as u64 + 1) as usize);
    }
    sizes
}

/// The pieces of a body, as slices of the block.
fn pieces(request: &Request) -> impl Iterator<Item = &'static [u8]> + use<> {
    let (mut left, mut at, piece) = (request.size, request.offset, request.piece);
    std::iter::from_fn(move || {
        let length = left.min(piece as u64).min((BLOCK - at) as u64) as usize;
        let slice = &block()[at..at + length];
        left -= length as u64;
        at = (at + length) % BLOCK;
        (length > 0).then_some(slice)
    })
}

fn write(request: &Request, stream: &mut std::net::TcpStream) -> std::io::Result<()> {
    stream.write_all(&request.head)?;
    let mut buffer = Vec::with_capacity(256 << 10);
    for piece in pieces(request) {
        if request.chunked {
            buffer.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            buffer.extend_from_slice(piece);
            buffer.extend_from_slice(b"\r\n");
        } else {
            buffer.extend_from_slice(piece);
        }
        if buffer.len() >= 128 << 10 {
            stream.write_all(&buffer)?;
            buffer.clear();
        }
    }
    if request.chunked {
        buffer.extend_from_slice(b"0\r\n\r\n");
    }
    stream.write_all(&buffer)
}

/// Sends a request and reads the answer; what is mirrored comes while it is sent.
fn exchange(request: &Request, wire: &mut Wire) -> (Head, Body) {
    let mut stream = wire.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        let writing = request
            .mirrored
            .then(|| scope.spawn(|| write(request, &mut stream).unwrap()));
        if writing.is_none() {
            write(request, &mut wire.stream.try_clone().unwrap()).unwrap();
        }
        let head = wire.head();
        let framing = head.response_framing(&request.method);
        let body = wire.body_to(framing, &mut |_| ()).unwrap();
        (head, body)
    })
}

/// What must be the same on both ways: the status, headers by name, what the upstream saw, and the
/// body. Headers of one name keep their order among themselves; names are compared as written.
type Essence = (String, BTreeMap<String, Vec<(String, String)>>, Value, Body);

const CHANGED_BY_PROXIES: [&str; 7] = [
    "connection",
    "keep-alive",
    "te",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

fn by_name(
    headers: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, Vec<(String, String)>> {
    let mut by_name: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (name, value) in headers {
        let key = name.to_ascii_lowercase();
        if !CHANGED_BY_PROXIES.contains(&key.as_str()) {
            by_name.entry(key).or_default().push((name, value));
        }
    }
    by_name
}

fn essence(request: &Request, (head, mut body): (Head, Body)) -> Essence {
    let mut seen = saw(&head);
    let headers: Vec<(String, String)> = serde_json::from_value(seen["headers"].take()).unwrap();
    seen["headers"] = serde_json::to_value(by_name(headers)).unwrap();
    let mut own = head.headers;
    own.retain(|(name, _)| name != "X-Saw");
    if !request.mirrored {
        // It tells the same as the header, with what proxies change.
        own.retain(|(name, _)| name != "Content-Length");
        body = Body {
            length: 0,
            crc: 0,
            trailers: Vec::new(),
        };
    }
    // hyper writes the names of trailers in lower case.
    body.trailers
        .iter_mut()
        .for_each(|(name, _)| name.make_ascii_lowercase());
    (head.line, by_name(own), seen, body)
}

/// That the body arrived is known from its checksum; that both ways agree does not show it.
fn check_body(request: &Request, essence: &Essence) {
    let mut hash = crc32fast::Hasher::new();
    pieces(request).for_each(|piece| hash.update(piece));
    let expected = hash.finalize();
    let (_, _, seen, body) = essence;
    if request.mirrored {
        assert_eq!((body.length, body.crc), (request.size, expected));
    } else {
        assert_eq!(
            (&seen["length"], &seen["crc"]),
            (&request.size.into(), &expected.into())
        );
    }
}

#[test]
fn a_thousand_random_requests_come_out_the_same() {
    let seed = match std::env::var("FERRY_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64,
    };
    eprintln!("FERRY_SEED={seed}");
    let ground = Ground::new("", &[]);
    let mut random = Random(seed);
    let sizes = sizes(&mut random);
    let requests: Vec<Request> = sizes
        .iter()
        .map(|size| request(&mut random, *size))
        .collect();
    let total: u64 = sizes.iter().sum();
    assert!(total >= TOTAL);

    let rss = || ground.sidecar.lock().unwrap().process().rss_kib();
    let before = rss();
    let (highest, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let next = Arc::new(AtomicUsize::new(0));
    let started = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                highest.fetch_max(rss(), Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let workers: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| work(&ground, &requests, &next)))
            .collect();
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::SeqCst);
        for end in ended {
            end.expect("no worker failed");
        }
    });
    let grown = highest.load(Ordering::SeqCst).saturating_sub(before);
    eprintln!(
        "{} MiB each way in {:?}; the sidecar grew by {grown} KiB",
        total >> 20,
        started.elapsed()
    );
    assert!(grown < 200 << 10, "the sidecar grew by {grown} KiB");
}

/// Tells which request it was, wherever in it something failed.
struct ShownOnPanic<'a>(usize, &'a Request);

impl Drop for ShownOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let head = String::from_utf8_lossy(&self.1.head);
            eprintln!("request {} with {} bytes: {head}", self.0, self.1.size);
        }
    }
}

fn work(ground: &Ground, requests: &[Request], next: &AtomicUsize) {
    let mut straight = Wire::connect(&ground.upstream.address);
    let mut through = ground.connect();
    loop {
        let index = next.fetch_add(1, Ordering::SeqCst);
        let Some(request) = requests.get(index) else {
            return;
        };
        let _shown = ShownOnPanic(index, request);
        let expected = essence(request, exchange(request, &mut straight));
        let got = essence(request, exchange(request, &mut through));
        assert_eq!(got, expected);
        check_body(request, &got);
    }
}
