//! What a call through the C ABI gives, and how it is given back.
//!
//! One struct for every verb: a caller hands one in, reads it, and frees it with `ferry_free`. All
//! memory in it is this library's own; each text has a NUL behind its length.

use crate::failure::{Failure, Kind};
use crate::guard;

/// Bytes that the caller lends for one call; a null pointer is as good as a length of 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FerrySlice {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub len: usize,
}

/// Bytes that this library gives: `len` of them, and a NUL that does not count.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FerryBytes {
    /// The first byte; null: there is nothing at all.
    pub data: *mut u8,
    /// How many there are.
    pub len: usize,
}

/// What a call gives. To be freed by `ferry_free`, also when the call failed.
#[repr(C)]
pub struct FerryResult {
    /// 0, or what kind of failure it is: one of FERRY_...
    pub kind: i32,
    /// Of a failure: what happened, for people.
    pub message: FerryBytes,
    /// Of ferry_start: the core's handle. Of ferry_intercept_begin: the interception's, or 0.
    pub id: i64,
    /// Of ferry_handle: the HTTP status.
    pub status: u16,
    /// Of ferry_handle: the headers, as name, value, name, value, ...
    pub headers: *mut FerryBytes,
    /// How many entries `headers` has: twice the number of headers.
    pub headers_len: usize,
    /// Of ferry_handle: the body. Of ferry_metrics, ferry_not_ready and ferry_grpc_address: the
    /// text.
    pub body: FerryBytes,
}

impl FerryBytes {
    pub(super) const NOTHING: FerryBytes = FerryBytes {
        data: std::ptr::null_mut(),
        len: 0,
    };

    pub(super) fn of(bytes: &[u8]) -> FerryBytes {
        let mut own = Vec::with_capacity(bytes.len() + 1);
        own.extend_from_slice(bytes);
        own.push(0);
        let own = Box::into_raw(own.into_boxed_slice());
        FerryBytes {
            data: own.cast(),
            len: bytes.len(),
        }
    }

    fn free(self) {
        if !self.data.is_null() {
            let whole = std::ptr::slice_from_raw_parts_mut(self.data, self.len + 1);
            // SAFETY: `of` made it of a box of exactly this length, and `ferry_free` forgets it.
            drop(unsafe { Box::from_raw(whole) });
        }
    }
}

impl FerryResult {
    pub(super) fn nothing() -> FerryResult {
        FerryResult {
            kind: 0,
            message: FerryBytes::NOTHING,
            id: 0,
            status: 0,
            headers: std::ptr::null_mut(),
            headers_len: 0,
            body: FerryBytes::NOTHING,
        }
    }

    pub(super) fn id(id: i64) -> FerryResult {
        FerryResult {
            id,
            ..FerryResult::nothing()
        }
    }

    pub(super) fn text(text: &str) -> FerryResult {
        FerryResult {
            body: FerryBytes::of(text.as_bytes()),
            ..FerryResult::nothing()
        }
    }

    pub(super) fn with_headers(mut self, headers: Vec<FerryBytes>) -> FerryResult {
        self.headers_len = headers.len();
        self.headers = Box::into_raw(headers.into_boxed_slice()).cast();
        self
    }

    fn failed(failure: &Failure) -> FerryResult {
        FerryResult {
            kind: failure.kind as i32,
            message: FerryBytes::of(failure.message.as_bytes()),
            ..FerryResult::nothing()
        }
    }

    fn free(self) {
        if !self.headers.is_null() {
            let whole = std::ptr::slice_from_raw_parts_mut(self.headers, self.headers_len);
            // SAFETY: `with_headers` made it of a box of exactly this length.
            let headers = unsafe { Box::from_raw(whole) };
            headers.iter().for_each(|bytes| bytes.free());
        }
        self.message.free();
        self.body.free();
    }
}

/// The guard's way through C: fills `out`, and returns its kind.
///
/// # Safety
/// `out` is null, or may be written.
pub(super) unsafe fn fill(
    out: *mut FerryResult,
    verb: &'static str,
    body: impl FnOnce() -> Result<FerryResult, Failure>,
) -> i32 {
    if out.is_null() {
        return Kind::BadArgument as i32;
    }
    let result = guard::run(verb, body).unwrap_or_else(|failure| FerryResult::failed(&failure));
    let kind = result.kind;
    // SAFETY: as the caller says; what was there before is not read.
    unsafe { out.write(result) };
    kind
}

/// Frees what a call gave. Null and an already freed result are nothing to do.
///
/// # Safety
/// `result` is null, or was filled by a call, or is all zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferry_free(result: *mut FerryResult) {
    if result.is_null() {
        return;
    }
    // There is nowhere to tell a failure.
    let _ = guard::run("free", || {
        // SAFETY: as the caller says; what stays behind owns nothing.
        let own = unsafe { result.replace(FerryResult::nothing()) };
        own.free();
        Ok(())
    });
}
