/*
 * Ferry's core as a C library: libferry_ffi.
 *
 * Every function may be called from any thread, and blocks it until there is an answer. Each but
 * ferry_abi_version and ferry_free fills *out and returns out->kind: 0, or FERRY_... with a
 * message. Whatever it returns, *out is to be freed by ferry_free. Handles are numbers: a stale
 * one is an error, never undefined behaviour.
 *
 * Made by cbindgen of rust-core/ffi/src/c; not to be edited.
 */

#ifndef FERRY_H
#define FERRY_H

#include <stddef.h>
#include <stdint.h>

// A key of ours is unknown, or its value is wrong.
#define FERRY_CONFIG 1

// The database cannot be opened.
#define FERRY_DATABASE 2

// The key file cannot be read or made.
#define FERRY_KEY_FILE 3

// The agents' port cannot be listened on.
#define FERRY_LISTEN 4

// A defect of this library: something panicked.
#define FERRY_PANIC 5

// There is no such core, or no such interception of it, any more.
#define FERRY_STALE_HANDLE 6

// What the caller passed is not what the function takes.
#define FERRY_BAD_ARGUMENT 7

// The core is being shut down.
#define FERRY_SHUTDOWN 8

// Everything else.
#define FERRY_INTERNAL 9

// A write is to be refused: it cannot be journaled, and `interceptor.strict` is on.
#define FERRY_NOT_JOURNALED 10

// The same, and such a write is never recorded.
#define FERRY_NOT_RECORDABLE 11

// Bytes that the caller lends for one call; a null pointer is as good as a length of 0.
typedef struct {
  // The first byte.
  const uint8_t *data;
  // How many there are.
  size_t len;
} ferry_slice;

// Bytes that this library gives: `len` of them, and a NUL that does not count.
typedef struct {
  // The first byte; null: there is nothing at all.
  uint8_t *data;
  // How many there are.
  size_t len;
} ferry_bytes;

// What a call gives. To be freed by `ferry_free`, also when the call failed.
typedef struct {
  // 0, or what kind of failure it is: one of FERRY_...
  int32_t kind;
  // Of a failure: what happened, for people.
  ferry_bytes message;
  // Of ferry_start: the core's handle. Of ferry_intercept_begin: the interception's, or 0.
  int64_t id;
  // Of ferry_handle: the HTTP status.
  uint16_t status;
  // Of ferry_handle: the headers, as name, value, name, value, ...
  ferry_bytes *headers;
  // How many entries `headers` has: twice the number of headers.
  size_t headers_len;
  // Of ferry_handle: the body. Of ferry_metrics, ferry_not_ready and ferry_grpc_address: the
  // text.
  ferry_bytes body;
} ferry_result;

// A request: method, target (path and query as received), headers and body.
typedef struct {
  // Such as GET.
  ferry_slice method;
  // Path and query.
  ferry_slice target;
  // name, value, name, value, ...
  const ferry_slice *headers;
  // How many entries `headers` has: twice the number of headers.
  size_t headers_len;
  // UTF-8 JSON, or empty.
  ferry_slice body;
} ferry_request;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of this interface; 0 when the call itself failed.
int32_t ferry_abi_version(void);

// Starts a core: `out->id`. `config` is the JSON `{"properties": {name: value, ...}}`.
//
// # Safety
// `config` may be read and `out` written.
int32_t ferry_start(ferry_slice config, ferry_result *out);

// Announces a write to /credentials: `out->id` is to be ended; 0: nothing to intercept.
//
// # Safety
// `request` is null or may be read, with all it points to, and `out` may be written.
int32_t ferry_intercept_begin(int64_t core, const ferry_request *request, ferry_result *out);

// Tells what became of a write: an HTTP status, or 0 when it is not known. Again: nothing.
//
// # Safety
// `out` may be written.
int32_t ferry_intercept_end(int64_t core, int64_t interception, int32_t status, ferry_result *out);

// Answers a request to /armory/** or /agents/**: `out->status`, `headers` and `body`.
//
// # Safety
// As for `ferry_intercept_begin`.
int32_t ferry_handle(int64_t core, const ferry_request *request, ferry_result *out);

// All metrics in Prometheus' text format: `out->body`.
//
// # Safety
// `out` may be written.
int32_t ferry_metrics(int64_t core, ferry_result *out);

// `out->body.data` is null when the core can serve now; else `body` is the reason.
//
// # Safety
// `out` may be written.
int32_t ferry_not_ready(int64_t core, ferry_result *out);

// Where agents connect to, host:port: `out->body`.
//
// # Safety
// `out` may be written.
int32_t ferry_grpc_address(int64_t core, ferry_result *out);

// Takes a core down, within ten seconds. Again: nothing. The handle is stale then.
//
// # Safety
// `out` may be written.
int32_t ferry_shutdown(int64_t core, ferry_result *out);

// Frees what a call gave. Null and an already freed result are nothing to do.
//
// # Safety
// `result` is null, or was filled by a call, or is all zero.
void ferry_free(ferry_result *result);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FERRY_H */
