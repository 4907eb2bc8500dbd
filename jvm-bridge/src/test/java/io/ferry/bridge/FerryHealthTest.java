package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.springframework.boot.actuate.health.Health;
import org.springframework.boot.actuate.health.SimpleHttpCodeStatusMapper;
import org.springframework.boot.actuate.health.SimpleStatusAggregator;
import org.springframework.boot.actuate.health.Status;

/** What the indicator says, and what Spring makes of it beside Clouddriver's own that are UP. */
class FerryHealthTest {

  private final AbsentCore absent = new AbsentCore(new FerryException("DATABASE", "away"));

  @Test
  void aCoreThatServesIsUp() {
    assertEquals(Health.up().build(), new FerryHealth(FakeCore::new, () -> true).health());
  }

  @Test
  void oneThatDoesNotLeavesClouddriverUp() {
    Health health = new FerryHealth(() -> absent, () -> false).health();
    assertEquals("FERRY_DOWN", health.getStatus().getCode());
    assertEquals("away", health.getDetails().get("reason"));
    assertEquals(Status.UP, aggregate(health));
    assertEquals(200, new SimpleHttpCodeStatusMapper().getStatusCode(health.getStatus()));
  }

  @Test
  void oneThatIsRequiredTakesItDown() {
    Health health = new FerryHealth(() -> absent, () -> true).health();
    assertEquals("away", health.getDetails().get("reason"));
    assertEquals(Status.DOWN, aggregate(health));
  }

  @Test
  void soDoesOneThatThrows() {
    Health health =
        new FerryHealth(
                () -> {
                  throw new FerryException("PANIC", "a defect");
                },
                () -> false)
            .health();
    assertEquals("FERRY_DOWN", health.getStatus().getCode());
    assertEquals("a defect", health.getDetails().get("reason"));
  }

  private static Status aggregate(Health health) {
    return new SimpleStatusAggregator().getAggregateStatus(Status.UP, health.getStatus());
  }
}
