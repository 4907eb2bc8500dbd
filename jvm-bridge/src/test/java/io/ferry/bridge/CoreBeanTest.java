package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** When there is a core, when there is none, and what Clouddriver notices of it. */
class CoreBeanTest {

  private final FakeCore core = new FakeCore();

  @Test
  void aCoreThatStartsServesUntilItIsShutDown() {
    CoreBean bean = bean(() -> core, false);
    assertEquals("Ferry has not started yet", bean.get().notReady());
    bean.afterSingletonsInstantiated();
    assertSame(core, bean.get());
    bean.destroy();
    bean.destroy();
    assertEquals(List.of("shutdown"), core.calls);
    assertEquals("Clouddriver is shutting down", bean.get().notReady());
  }

  @Test
  void aCoreThatDoesNotStartLeavesItsReason() {
    CoreBean bean = bean(failing("CONFIG", "no such key"), false);
    bean.afterSingletonsInstantiated();
    assertEquals("no such key", bean.get().notReady());
    assertThrows(
        FerryException.class,
        () -> bean.get().interceptBegin("POST", "/credentials", new String[0], new byte[0]));
    FerryException thrown =
        assertThrows(
            FerryException.class,
            () -> bean.get().handle("GET", "/armory/accounts", new String[0], new byte[0]));
    assertEquals("no such key", thrown.getMessage());
    bean.destroy();
  }

  @Test
  void aLibraryThatDoesNotLinkIsAReasonToo() {
    CoreBean bean =
        bean(
            () -> {
              throw new UnsatisfiedLinkError("abiVersion()");
            },
            false);
    bean.afterSingletonsInstantiated();
    assertTrue(bean.get().notReady().contains("abiVersion()"));
  }

  @Test
  void requiredMeansThatTheStartOfClouddriverFails() {
    CoreBean bean = bean(failing("DATABASE", "away"), true);
    assertEquals(
        "away",
        assertThrows(FerryException.class, bean::afterSingletonsInstantiated).getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"DATABASE", "LISTEN"})
  void whatMayPassIsTriedAgainUntilItHas(String kind) throws Exception {
    AtomicInteger tries = new AtomicInteger();
    CountDownLatch started = new CountDownLatch(1);
    CoreBean bean =
        bean(
            () -> {
              if (tries.incrementAndGet() < 3) {
                throw new FerryException(kind, "away");
              }
              started.countDown();
              return core;
            },
            false);
    bean.afterSingletonsInstantiated();
    assertEquals("away", bean.get().notReady());
    assertTrue(started.await(10, TimeUnit.SECONDS));
    bean.destroy();
    assertEquals(List.of("shutdown"), core.calls);
  }

  @Test
  void nothingStartsAfterTheEnd() {
    CoreBean bean = bean(() -> core, false);
    bean.destroy();
    bean.afterSingletonsInstantiated();
    assertInstanceOf(AbsentCore.class, bean.get());
  }

  private static CoreBean bean(Supplier<Core> starter, boolean required) {
    return new CoreBean(starter, () -> required, 10);
  }

  private static Supplier<Core> failing(String kind, String message) {
    return () -> {
      throw new FerryException(kind, message);
    };
  }
}
