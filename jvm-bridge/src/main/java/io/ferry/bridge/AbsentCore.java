package io.ferry.bridge;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stands where the core would be while there is none: Clouddriver's requests go on as without the
 * plugin, ours fail with the reason.
 */
final class AbsentCore implements Core {

  private static final Logger log = LoggerFactory.getLogger(AbsentCore.class);

  private final FerryException reason;

  AbsentCore(FerryException reason) {
    this.reason = reason;
  }

  @Override
  public long interceptBegin(String method, String path, String[] headers, byte[] body) {
    log.warn("{} {} is not recorded: Ferry does not run ({})", method, path, reason.kind);
    return 0;
  }

  @Override
  public void interceptEnd(long interception, int status) {}

  @Override
  public Reply handle(String method, String target, String[] headers, byte[] body) {
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
