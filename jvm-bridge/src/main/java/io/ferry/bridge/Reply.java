package io.ferry.bridge;

/** An answer of the core; the native library constructs it. */
final class Reply {

  final int status;

  /** Name, value, name, value, … */
  final String[] headers;

  final byte[] body;

  Reply(int status, String[] headers, byte[] body) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
