package io.ferry.bridge;

/**
 * Stands where the core would be while there is none: whatever is asked of it fails with the
 * reason.
 */
final class AbsentCore implements Core {

  private final FerryException reason;

  AbsentCore(FerryException reason) {
    this.reason = reason;
  }

  @Override
  public long interceptBegin(String method, String path, String[] headers, byte[] body) {
    throw reason;
  }

  @Override
  public void interceptEnd(long interception, int status) {}

  @Override
  public Reply handle(String method, String target, String[] headers, byte[] body) {
    throw reason;
  }

  @Override
  public long maxBody() {
    throw reason;
  }

  @Override
  public String metrics() {
    return "";
  }

  @Override
  public String notReady() {
    return reason.getMessage();
  }

  @Override
  public void shutdown() {}
}
