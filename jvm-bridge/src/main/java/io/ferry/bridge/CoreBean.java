package io.ferry.bridge;

import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.SmartInitializingSingleton;

/**
 * The core's life inside Clouddriver's: it starts when all beans are there and before requests are
 * served, and ends when they have ended.
 *
 * <p>A core that does not start leaves Clouddriver as it is, unless {@code kubesvc.required} says
 * otherwise. One whose database is away, or whose port is taken, is tried again until it starts.
 */
final class CoreBean implements Supplier<Core>, SmartInitializingSingleton, DisposableBean {

  private static final Logger log = LoggerFactory.getLogger(CoreBean.class);

  private final Supplier<Core> starter;
  private final BooleanSupplier required;
  private final long retryMillis;

  private volatile Core core =
      new AbsentCore(new FerryException("SHUTDOWN", "Ferry has not started yet"));
  private boolean ended;

  CoreBean(Supplier<Core> starter, BooleanSupplier required, long retryMillis) {
    this.starter = starter;
    this.required = required;
    this.retryMillis = retryMillis;
  }

  /** The core of now; it may be another one later. */
  @Override
  public Core get() {
    return core;
  }

  @Override
  public void afterSingletonsInstantiated() {
    FerryException failure = start();
    if (failure == null) {
      return;
    }
    if (required.getAsBoolean()) {
      throw failure;
    }
    if (mayPass(failure)) {
      Thread thread = new Thread(this::retry, "ferry-start");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** One try; what kept it from starting, or null. */
  private synchronized FerryException start() {
    if (ended) {
      return null;
    }
    FerryException failure;
    try {
      core = starter.get();
      return null;
    } catch (FerryException e) {
      failure = e;
    } catch (RuntimeException | LinkageError e) {
      log.error("Ferry cannot start", e);
      failure = new FerryException("INTERNAL", "Ferry cannot start: " + e);
    }
    core = new AbsentCore(failure);
    log.error("FERRY DOES NOT RUN ({}): {}", failure.kind, failure.getMessage());
    return failure;
  }

  private void retry() {
    FerryException failure;
    do {
      try {
        Thread.sleep(retryMillis);
      } catch (InterruptedException e) {
        return;
      }
      failure = start();
    } while (failure != null && mayPass(failure));
  }

  /** A Clouddriver that ends may still have the port that this one needs. */
  private static boolean mayPass(FerryException failure) {
    return failure.kind.equals("DATABASE") || failure.kind.equals("LISTEN");
  }

  @Override
  public synchronized void destroy() {
    ended = true;
    Core last = core;
    core = new AbsentCore(new FerryException("SHUTDOWN", "Clouddriver is shutting down"));
    last.shutdown();
  }
}
