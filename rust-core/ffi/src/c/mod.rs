//! The C ABI: the verbs as functions, each with an out parameter for its result.
//!
//! `include/ferry.h` is made of this file and `result.rs`, by the test `header`. All may be called
//! from any thread, and block it. Calls nobody back.

mod result;

pub use result::{FerryBytes, FerryResult, FerrySlice, ferry_free};

use crate::failure::Failure;
use crate::verbs::{self, Crossing};
use crate::{ABI_VERSION, guard};
use result::fill;

/// A key of ours is unknown, or its value is wrong.
pub const FERRY_CONFIG: i32 = 1;
/// The database cannot be opened.
pub const FERRY_DATABASE: i32 = 2;
/// The key file cannot be read or made.
pub const FERRY_KEY_FILE: i32 = 3;
/// The agents' port cannot be listened on.
pub const FERRY_LISTEN: i32 = 4;
/// A defect of this library: something panicked.
pub const FERRY_PANIC: i32 = 5;
/// There is no such core, or no such interception of it, any more.
pub const FERRY_STALE_HANDLE: i32 = 6;
/// What the caller passed is not what the function takes.
pub const FERRY_BAD_ARGUMENT: i32 = 7;
/// The core is being shut down.
pub const FERRY_SHUTDOWN: i32 = 8;
/// Everything else.
pub const FERRY_INTERNAL: i32 = 9;
/// A write is to be refused: it cannot be journaled, and `interceptor.strict` is on.
pub const FERRY_NOT_JOURNALED: i32 = 10;
/// The same, and such a write is never recorded.
pub const FERRY_NOT_RECORDABLE: i32 = 11;

/// A request: method, target (path and query as received), headers and body.
#[repr(C)]
pub struct FerryRequest {
    /// Such as GET.
    pub method: FerrySlice,
    /// Path and query.
    pub target: FerrySlice,
    /// name, value, name, value, ...
    pub headers: *const FerrySlice,
    /// How many entries `headers` has: twice the number of headers.
    pub headers_len: usize,
    /// UTF-8 JSON, or empty.
    pub body: FerrySlice,
}

/// The version of this interface; 0 when the call itself failed.
#[unsafe(no_mangle)]
pub extern "C" fn ferry_abi_version() -> i32 {
    guard::run("abiVersion", || Ok(ABI_VERSION)).unwrap_or(0)
}

/// Starts a core: `out->id`. `config` is the JSON `{"properties": {name: value, ...}}`.
///
/// # Safety
/// `config` may be read and `out` written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_start(config: FerrySlice, out: *mut FerryResult) -> i32 {
    let body = || {
        // SAFETY: as the caller says.
        let config = unsafe { bytes(config) };
        Ok(FerryResult::id(verbs::start(&config)?))
    };
    // SAFETY: as the caller says.
    unsafe { fill(out, "start", body) }
}

/// Announces a write to /credentials: `out->id` is to be ended; 0: nothing to intercept.
///
/// # Safety
/// `request` is null or may be read, with all it points to, and `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_intercept_begin(
    core: i64,
    request: *const FerryRequest,
    out: *mut FerryResult,
) -> i32 {
    let body = || {
        // SAFETY: as the caller says.
        let request = unsafe { crossing(request) }?;
        Ok(FerryResult::id(verbs::intercept_begin(core, request)?))
    };
    // SAFETY: as the caller says.
    unsafe { fill(out, "interceptBegin", body) }
}

/// Tells what became of a write: an HTTP status, or 0 when it is not known. Again: nothing.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_intercept_end(
    core: i64,
    interception: i64,
    status: i32,
    out: *mut FerryResult,
) -> i32 {
    let body = || {
        verbs::intercept_end(core, interception, status)?;
        Ok(FerryResult::nothing())
    };
    // SAFETY: as the caller says.
    unsafe { fill(out, "interceptEnd", body) }
}

/// Answers a request to /armory/** or /agents/**: `out->status`, `headers` and `body`.
///
/// # Safety
/// As for `ferry_intercept_begin`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_handle(
    core: i64,
    request: *const FerryRequest,
    out: *mut FerryResult,
) -> i32 {
    let body = || {
        // SAFETY: as the caller says.
        let request = unsafe { crossing(request) }?;
        let response = verbs::handle(core, request)?;
        let pairs = response.headers().iter();
        let headers = pairs.flat_map(|(name, value)| [name.as_ref(), value.as_bytes()]);
        let headers = headers.map(FerryBytes::of).collect();
        let answer = FerryResult {
            status: response.status().as_u16(),
            body: FerryBytes::of(response.body()),
            ..FerryResult::nothing()
        };
        Ok(answer.with_headers(headers))
    };
    // SAFETY: as the caller says.
    unsafe { fill(out, "handle", body) }
}

/// All metrics in Prometheus' text format: `out->body`.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_metrics(core: i64, out: *mut FerryResult) -> i32 {
    let body = || Ok(FerryResult::text(&verbs::metrics(core)?));
    // SAFETY: as the caller says.
    unsafe { fill(out, "metrics", body) }
}

/// `out->body.data` is null when the core can serve now; else `body` is the reason.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_not_ready(core: i64, out: *mut FerryResult) -> i32 {
    let body = || {
        let reason = verbs::not_ready(core)?;
        Ok(reason.map_or_else(FerryResult::nothing, |reason| FerryResult::text(&reason)))
    };
    // SAFETY: as the caller says.
    unsafe { fill(out, "notReady", body) }
}

/// Where agents connect to, host:port: `out->body`.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_grpc_address(core: i64, out: *mut FerryResult) -> i32 {
    let body = || Ok(FerryResult::text(&verbs::grpc_address(core)?));
    // SAFETY: as the caller says.
    unsafe { fill(out, "grpcAddress", body) }
}

/// Takes a core down, within ten seconds. Again: nothing. The handle is stale then.
///
/// # Safety
/// `out` may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_shutdown(core: i64, out: *mut FerryResult) -> i32 {
    let body = || {
        verbs::shutdown(core)?;
        Ok(FerryResult::nothing())
    };
    // SAFETY: as the caller says.
    unsafe { fill(out, "shutdown", body) }
}

/// # Safety
/// `request` is null, or may be read with all it points to.
unsafe fn crossing(request: *const FerryRequest) -> Result<Crossing, Failure> {
    // SAFETY: as the caller says.
    let request = unsafe { request.as_ref() };
    let request = request.ok_or_else(|| Failure::argument("the request is null"))?;
    let headers = if request.headers.is_null() {
        &[]
    } else {
        // SAFETY: as the caller says.
        unsafe { std::slice::from_raw_parts(request.headers, request.headers_len) }
    };
    // SAFETY: as the caller says.
    let read = |slice: &FerrySlice| unsafe { bytes(*slice) };
    Ok(Crossing {
        method: text(read(&request.method), "the method")?,
        target: text(read(&request.target), "the target")?,
        headers: headers.iter().map(read).collect(),
        body: read(&request.body),
    })
}

fn text(bytes: Vec<u8>, what: &str) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::argument(format!("{what} is not UTF-8")))
}

/// # Safety
/// The slice's bytes may be read.
unsafe fn bytes(slice: FerrySlice) -> Vec<u8> {
    if slice.data.is_null() {
        return Vec::new();
    }
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts(slice.data, slice.len) }.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    #[test]
    fn the_codes_are_those_of_the_table() {
        for (code, kind) in [
            (FERRY_CONFIG, Kind::Config),
            (FERRY_DATABASE, Kind::Database),
            (FERRY_KEY_FILE, Kind::KeyFile),
            (FERRY_LISTEN, Kind::Listen),
            (FERRY_PANIC, Kind::Panic),
            (FERRY_STALE_HANDLE, Kind::StaleHandle),
            (FERRY_BAD_ARGUMENT, Kind::BadArgument),
            (FERRY_SHUTDOWN, Kind::Shutdown),
            (FERRY_INTERNAL, Kind::Internal),
            (FERRY_NOT_JOURNALED, Kind::NotJournaled),
            (FERRY_NOT_RECORDABLE, Kind::NotRecordable),
        ] {
            assert_eq!(code, kind as i32);
        }
    }
}
