package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The core's text as meters of Clouddriver's. */
class FerryMetersTest {

  private final FakeCore core = new FakeCore();
  private final SimpleMeterRegistry registry = new SimpleMeterRegistry();
  private final FerryMeters meters = new FerryMeters(() -> core, 3_600_000);

  @AfterEach
  void stop() {
    meters.destroy();
  }

  @Test
  void samplesBecomeMetersAndFollowTheCore() {
    meters.bindTo(registry);
    core.metrics =
        "# HELP kubesvc_accounts Dynamic accounts.\n# TYPE kubesvc_accounts gauge\n"
            + "kubesvc_accounts{status=\"ACTIVE\"} 2\n"
            + "kubesvc_transitions_total{from=\"A\",to=\"B, \\\"x\\\"\"} 5\n"
            + "kubesvc_agents 1\n# EOF\n";
    meters.read();
    core.metrics = core.metrics.replace("} 2", "} 3");
    meters.read();
    assertEquals(
        3.0, registry.get("kubesvc_accounts").tag("status", "ACTIVE").gauge().value());
    assertEquals(1.0, registry.get("kubesvc_agents").gauge().value());
    assertEquals(
        5.0, registry.get("kubesvc_transitions").tag("from", "A").functionCounter().count());
    assertEquals(3, registry.getMeters().size());
  }

  @Test
  void aCoreThatFailsLeavesTheMetersAsTheyAre() {
    FerryMeters failing =
        new FerryMeters(
            () -> {
              throw new FerryException("SHUTDOWN", "gone");
            },
            3_600_000);
    failing.bindTo(registry);
    failing.read();
    failing.destroy();
    assertEquals(0, registry.getMeters().size());
  }
}
