package io.ferry.bridge;

/** A write of an account that was not done, since it cannot be recorded and is to be. */
final class NotJournaled extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /** Such a write is never recorded: to send it again is of no use. */
  final boolean forEver;

  NotJournaled(String message, boolean forEver) {
    super(message);
    this.forEver = forEver;
  }
}
