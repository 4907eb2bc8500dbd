/*
 * Walks an account through the C ABI, with nothing but the header: starts a core, asks for
 * accounts, refuses an unknown one, intercepts a write, and ends. Exits with 0 only when every
 * answer is as expected. Run by rust-core/ffi/tests/c.rs with the configuration as argument; the
 * configured source has the account "walked" from the second question on.
 */
#include "ferry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const ferry_result *result) {
  fprintf(stderr, "walk: %s: kind %d, status %d, id %lld\n  message: %s\n  body: %s\n", what,
          result->kind, result->status, (long long)result->id,
          result->message.data ? (char *)result->message.data : "-",
          result->body.data ? (char *)result->body.data : "-");
  exit(1);
}

static void expect(int holds, const char *what, const ferry_result *result) {
  if (!holds) {
    fail(what, result);
  }
}

static ferry_slice slice(const char *text) {
  ferry_slice own = {(const uint8_t *)text, strlen(text)};
  return own;
}

static int has(const ferry_result *result, const char *text) {
  return result->body.data && strstr((char *)result->body.data, text) != NULL;
}

static ferry_request request(const char *method, const char *target, const char *body) {
  static ferry_slice headers[2];
  headers[0] = slice("Content-Type");
  headers[1] = slice("application/json");
  ferry_request own = {slice(method), slice(target), headers, 2, slice(body)};
  return own;
}

/* Sends a request and expects its status; the caller frees. */
static void ask(int64_t core, const char *method, const char *target, const char *body, int status,
                ferry_result *out) {
  ferry_request own = request(method, target, body);
  int32_t kind = ferry_handle(core, &own, out);
  expect(kind == 0 && out->kind == 0 && out->status == status, target, out);
  expect(out->headers_len >= 2 && out->headers_len % 2 == 0, "headers", out);
}

static void accounts(int64_t core) {
  ferry_result out;
  ask(core, "GET", "/armory/accounts?limit=10", "", 200, &out);
  expect(has(&out, "\"total\":0"), "no account yet", &out);
  expect(out.body.data[out.body.len] == 0, "a NUL behind the body", &out);
  ferry_free(&out);
  ferry_free(&out);
  ask(core, "POST", "/armory/accounts", "[{\"name\":\"unknown\"}]", 400, &out);
  ferry_free(&out);
}

static void intercept(int64_t core) {
  ferry_result out;
  ferry_request write = request("POST", "/credentials",
                                "{\"type\":\"kubernetes\",\"name\":\"walked\"}");
  expect(ferry_intercept_begin(core, &write, &out) == 0 && out.id > 0, "begin", &out);
  int64_t interception = out.id;
  ferry_free(&out);
  expect(ferry_intercept_end(core, interception, 200, &out) == 0, "end", &out);
  ferry_free(&out);
  expect(ferry_intercept_end(core, interception, 200, &out) == 0, "end again", &out);
  ferry_free(&out);
  ferry_request read = request("GET", "/credentials", "");
  expect(ferry_intercept_begin(core, &read, &out) == 0 && out.id == 0, "a read", &out);
  ferry_free(&out);
  expect(ferry_intercept_end(core, interception + 1, 200, &out) == FERRY_STALE_HANDLE,
         "an interception that never was", &out);
  ferry_free(&out);
  ask(core, "GET", "/armory/accounts/walked", "", 200, &out);
  expect(has(&out, "INACTIVE"), "taken over", &out);
  ferry_free(&out);
}

static void others(int64_t core) {
  ferry_result out;
  expect(ferry_metrics(core, &out) == 0 && has(&out, "# EOF"), "metrics", &out);
  ferry_free(&out);
  expect(ferry_not_ready(core, &out) == 0 && out.body.data == NULL, "ready", &out);
  ferry_free(&out);
  expect(ferry_grpc_address(core, &out) == 0 && has(&out, "127.0.0.1:"), "address", &out);
  ferry_free(&out);
  expect(ferry_handle(core, NULL, &out) == FERRY_BAD_ARGUMENT, "no request", &out);
  ferry_free(&out);
  expect(ferry_metrics(core, NULL) == FERRY_BAD_ARGUMENT, "no result", &out);
}

int main(int count, char **arguments) {
  ferry_result out = {0};
  if (count != 2) {
    fprintf(stderr, "usage: walk CONFIGURATION\n");
    return 2;
  }
  expect(ferry_abi_version() == 1, "version", &out);
  expect(ferry_start(slice("nonsense"), &out) == FERRY_BAD_ARGUMENT, "nonsense", &out);
  expect(out.message.len == strlen((char *)out.message.data) && out.message.len > 0, "told", &out);
  ferry_free(&out);
  expect(ferry_start(slice(arguments[1]), &out) == 0 && out.id > 0, "start", &out);
  int64_t core = out.id;
  ferry_free(&out);

  accounts(core);
  intercept(core);
  others(core);

  expect(ferry_shutdown(core, &out) == 0, "shutdown", &out);
  ferry_free(&out);
  expect(ferry_shutdown(core, &out) == 0, "shutdown again", &out);
  ferry_free(&out);
  expect(ferry_metrics(core, &out) == FERRY_STALE_HANDLE, "stale", &out);
  ferry_free(&out);
  expect(ferry_shutdown(core + 1, &out) == FERRY_STALE_HANDLE, "never was", &out);
  ferry_free(&out);
  ferry_free(NULL);
  puts("walked");
  return 0;
}
