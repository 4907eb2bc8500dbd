package io.ferry.bridge;

/** A failure of ours; the native library throws it, and so does what loads and starts it. */
final class FerryException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * CONFIG, DATABASE, KEY_FILE, LISTEN, PANIC, STALE_HANDLE, BAD_ARGUMENT, SHUTDOWN, INTERNAL,
   * NOT_JOURNALED, NOT_RECORDABLE.
   */
  final String kind;

  FerryException(String kind, String message) {
    super(message);
    this.kind = kind;
  }
}
