package io.ferry.bridge;

/**
 * The exports of libferry_ffi, one to one. Only {@link JniCore} calls them.
 *
 * <p>Texts cross as UTF-8, requests and replies as method, path, headers and bytes. Whatever fails
 * below comes up as a {@link FerryException}. All may be called from any thread.
 */
final class NativeCore {

  private NativeCore() {}

  /** The version of this interface that the library was built for. */
  static native int abiVersion();

  /**
   * Starts a core.
   *
   * @param configJson {@code {"properties": {"kubesvc.grpc.server.port": "9091", ...}}}, all values
   *     strings
   * @return its handle, greater than 0
   */
  static native long start(byte[] configJson);

  /**
   * Announces a write to /credentials before it happens.
   *
   * @param headers name, value, name, value, …
   * @param body UTF-8 JSON, or empty
   * @return the handle to end it with; 0: nothing to intercept
   * @throws FerryException NOT_JOURNALED: the write is not to happen
   */
  static native long interceptBegin(
      long core, String method, String path, String[] headers, byte[] body);

  /** What became of the write: 200 accepted, 4xx or 5xx refused, 0 unknown. */
  static native void interceptEnd(long core, long interception, int status);

  /**
   * Answers a request to /armory/** or /agents/**.
   *
   * @param target path and query as received, percent-encoding kept
   */
  static native Reply handle(
      long core, String method, String target, String[] headers, byte[] body);

  /** All metrics in Prometheus' text format, UTF-8. */
  static native byte[] metrics(long core);

  /** Null when the core can serve; else the reason why it cannot. */
  static native String notReady(long core);

  /** Where agents connect to, host:port. */
  static native String grpcAddress(long core);

  /** The largest body that {@link #handle} takes, in bytes. */
  static native long maxBody(long core);

  /** Ends agents' sessions and every task; may be called again. */
  static native void shutdown(long core);
}
