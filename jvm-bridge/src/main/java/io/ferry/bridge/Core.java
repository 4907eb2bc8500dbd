package io.ferry.bridge;

/**
 * What the plugin's beans know of the native core; tests put their own in its place.
 *
 * <p>Shapes are those of {@link NativeCore}; every method may throw a {@link FerryException}.
 */
interface Core {

  /** Announces a write to /credentials; 0: there is nothing to end. */
  long interceptBegin(String method, String path, String[] headers, byte[] body);

  void interceptEnd(long interception, int status);

  Reply handle(String method, String target, String[] headers, byte[] body);

  /** The largest body that {@link #handle} takes, in bytes; a larger one it answers with 413. */
  long maxBody();

  /** Prometheus text. */
  String metrics();

  /** Null: it serves; else why it does not. */
  String notReady();

  void shutdown();
}
