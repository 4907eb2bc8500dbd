package io.ferry.bridge;

import java.util.function.Supplier;
import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.HealthIndicator;

/** Ferry's part of /health: DOWN with the reason while the core cannot serve. */
final class FerryHealth implements HealthIndicator {

  private final Supplier<Core> core;

  FerryHealth(Supplier<Core> core) {
    this.core = core;
  }

  @Override
  public Health health() {
    try {
      String reason = core.get().notReady();
      return reason == null
          ? Health.up().build()
          : Health.down().withDetail("reason", reason).build();
    } catch (FerryException e) {
      return Health.down().withDetail("reason", e.getMessage()).build();
    }
  }
}
