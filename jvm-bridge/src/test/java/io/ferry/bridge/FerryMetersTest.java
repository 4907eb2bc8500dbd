package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.concurrent.TimeUnit;
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
  void timesAreTimersOfTheirCountAndSum() {
    meters.bindTo(registry);
    core.metrics =
        "kubesvc_ops_processTime_seconds_sum{result=\"completed\"} 0.7\n"
            + "kubesvc_ops_processTime_seconds_count{result=\"completed\"} 1\n"
            + "kubesvc_ops_processTime_seconds_bucket{le=\"0.5\",result=\"completed\"} 0\n"
            + "kubesvc_ops_processTime_seconds_bucket{le=\"+Inf\",result=\"completed\"} 1\n"
            + "kubesvc_scan_duration_seconds_sum 2.5\n"
            + "kubesvc_scan_duration_seconds_count 4\n# EOF\n";
    meters.read();
    core.metrics = core.metrics.replace("0.7\n", "3.7\n").replace("} 1\n", "} 2\n");
    meters.read();
    FunctionTimer timer =
        registry.get("kubesvc.ops.processTime").tag("result", "completed").functionTimer();
    assertEquals(2.0, timer.count());
    assertEquals(3.7, timer.totalTime(TimeUnit.SECONDS), 1e-9);
    assertEquals(4.0, registry.get("kubesvc_scan_duration").functionTimer().count());
    assertEquals(2, registry.getMeters().size());
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
