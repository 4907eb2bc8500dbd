package io.ferry.bridge;

/** A write of an account that was not done, since it cannot be recorded and is to be. */
final class NotJournaled extends RuntimeException {

  private static final long serialVersionUID = 1L;

  NotJournaled(String message) {
    super(message);
  }
}
