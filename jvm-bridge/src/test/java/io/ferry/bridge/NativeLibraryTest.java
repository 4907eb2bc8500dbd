package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which file is loaded, from where, and what is said when that does not work. */
class NativeLibraryTest {

  private static final byte[] CONTENT = {1, 2, 3};
  private static final Map<String, byte[]> JAR =
      Map.of("/native/linux-x86_64-musl/libferry_ffi.so", CONTENT);

  @TempDir Path folder;
  private final List<Path> loaded = new ArrayList<>();

  @Test
  void theJarsOwnIsLoadedFromACopyThatIsGoneAfterwards() throws IOException {
    NativeLibrary library =
        library(
            file -> {
              assertArrayEquals(CONTENT, read(file));
              loaded.add(file);
            },
            1);
    library.load(null, () -> "linux-x86_64-musl");
    library.load(null, () -> "linux-x86_64-musl");
    assertEquals(1, loaded.size());
    assertEquals(folder, loaded.get(0).getParent());
    assertEmpty(folder);
  }

  @Test
  void aConfiguredFileGoesBeforeTheJarsOwn() {
    library(loaded::add, 1).load("/opt/ferry/libferry_ffi.so", () -> "linux-x86_64-musl");
    assertEquals(List.of(Path.of("/opt/ferry/libferry_ffi.so")), loaded);
  }

  @Test
  void aConfiguredFileThatDoesNotLoadIsNamed() {
    String message = refusal(library(NativeLibraryTest::unsatisfied, 1), "/nowhere/x.so", "any");
    assertEquals(
        "kubesvc.nativeLibrary /nowhere/x.so cannot be loaded: failed to map segment", message);
  }

  @Test
  void aJarWithoutTheRightLibrarySaysWhichItIs() {
    String message = refusal(library(loaded::add, 1), null, "linux-aarch64-gnu");
    assertTrue(message.contains("/native/linux-aarch64-gnu/libferry_ffi.so"), message);
    assertTrue(message.contains("kubesvc.nativeLibrary"), message);
  }

  @Test
  void aFolderWhereNothingMayRunIsNamedWithTheSettings() throws IOException {
    String message =
        refusal(library(NativeLibraryTest::unsatisfied, 1), null, "linux-x86_64-musl");
    assertTrue(message.contains(folder.toString()), message);
    assertTrue(message.contains("-Djava.io.tmpdir"), message);
    assertTrue(message.contains("kubesvc.nativeLibrary"), message);
    assertTrue(message.contains("failed to map segment"), message);
    assertEmpty(folder);
  }

  @Test
  void aFolderThatCannotBeWrittenIsNamedWithTheSettings() {
    Path missing = folder.resolve("missing");
    NativeLibrary library =
        new NativeLibrary(NativeLibraryTest::resource, () -> missing, loaded::add, () -> 1);
    String message = refusal(library, null, "linux-x86_64-musl");
    assertTrue(message.contains(missing.toString()), message);
    assertTrue(message.contains("-Djava.io.tmpdir"), message);
  }

  @Test
  void aLibraryOfAnotherReleaseIsRefused() {
    String message = refusal(library(loaded::add, 2), null, "linux-x86_64-musl");
    assertTrue(message.contains("interface 2, this plugin needs 1"), message);
  }

  private NativeLibrary library(Consumer<Path> loader, int abi) {
    return new NativeLibrary(NativeLibraryTest::resource, () -> folder, loader, () -> abi);
  }

  private static ByteArrayInputStream resource(String name) {
    return JAR.containsKey(name) ? new ByteArrayInputStream(JAR.get(name)) : null;
  }

  private static String refusal(NativeLibrary library, String configured, String classifier) {
    FerryException refusal =
        assertThrows(FerryException.class, () -> library.load(configured, () -> classifier));
    assertEquals("CONFIG", refusal.kind);
    return refusal.getMessage();
  }

  private static void unsatisfied(Path file) {
    throw new UnsatisfiedLinkError("failed to map segment");
  }

  private static void assertEmpty(Path folder) throws IOException {
    try (var files = Files.list(folder)) {
      assertEquals(0, files.count());
    }
  }

  private static byte[] read(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
