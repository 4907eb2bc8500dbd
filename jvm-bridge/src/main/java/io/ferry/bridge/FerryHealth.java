package io.ferry.bridge;

import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.HealthIndicator;
import org.springframework.boot.actuate.health.Status;

/**
 * Ferry's part of /health: the reason while the core cannot serve.
 *
 * <p>Clouddriver's own state is not made of it, unless {@code kubesvc.required} says so: an
 * aggregate leaves out a status that its order does not have, and answers 200 to it.
 */
final class FerryHealth implements HealthIndicator {

  /** Not DOWN, in whatever spelling: Spring compares letters and digits only. */
  private static final Status FERRY_DOWN = new Status("FERRY_DOWN");

  private final Supplier<Core> core;
  private final BooleanSupplier required;

  FerryHealth(Supplier<Core> core, BooleanSupplier required) {
    this.core = core;
    this.required = required;
  }

  @Override
  public Health health() {
    String reason;
    try {
      reason = core.get().notReady();
    } catch (FerryException e) {
      reason = e.getMessage();
    }
    if (reason == null) {
      return Health.up().build();
    }
    Status status = required.getAsBoolean() ? Status.DOWN : FERRY_DOWN;
    return Health.status(status).withDetail("reason", reason).build();
  }
}
