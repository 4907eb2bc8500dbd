package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The folder of the library that fits a JVM. */
class PlatformTest {

  private static final String GLIBC = "7f00 r-xp /lib/x86_64-linux-gnu/libc.so.6\n";
  private static final String MUSL = "7f00 r-xp /lib/ld-musl-x86_64.so.1\n";

  @ParameterizedTest
  @CsvSource({
    "amd64, linux-x86_64-gnu, linux-x86_64-musl",
    "x86_64, linux-x86_64-gnu, linux-x86_64-musl",
    "aarch64, linux-aarch64-gnu, linux-aarch64-musl",
    "arm64, linux-aarch64-gnu, linux-aarch64-musl",
  })
  void processorAndLibraryOfTheJvmDecide(String processor, String onGlibc, String onMusl) {
    assertEquals(onGlibc, Platform.classifier("Linux", processor, GLIBC));
    assertEquals(onMusl, Platform.classifier("Linux", processor, MUSL));
  }

  @Test
  void alpinesOtherNameOfMuslIsKnown() {
    String mapped = "7f00 r-xp /lib/libc.musl-aarch64.so.1\n";
    assertEquals("linux-aarch64-musl", Platform.classifier("Linux", "aarch64", mapped));
  }

  @Test
  void whatCannotBeReadCountsAsGlibc() {
    assertEquals("linux-x86_64-gnu", Platform.classifier("Linux", "amd64", ""));
  }

  @Test
  void otherPlatformsAreRefusedByName() {
    assertEquals(
        "Ferry has no native library for Mac OS X",
        assertThrows(
                FerryException.class, () -> Platform.classifier("Mac OS X", "aarch64", ""))
            .getMessage());
    assertEquals(
        "Ferry has no native library for Linux on s390x",
        assertThrows(FerryException.class, () -> Platform.classifier("Linux", "s390x", GLIBC))
            .getMessage());
  }
}
