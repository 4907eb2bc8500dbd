package io.ferry.bridge;

/** Faults on demand; only a library with debug assertions has them. */
final class Fault {

  private Fault() {}

  /** The next call of {@code verb} has {@code fault}: panic, error, task-panic or task-hang. */
  static native void arm(String verb, String fault);

  /** Fails while {@code exception} is pending already. */
  static native void pend(Throwable exception);
}
