package io.ferry.bridge;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.IntSupplier;
import java.util.function.Supplier;

/**
 * Loads libferry_ffi.so: the configured file, else the jar's own for this platform.
 *
 * <p>The JVM ties a file to the class loader that loaded it first, so the jar's is loaded from a
 * copy of its own, which is deleted at once: the system keeps what is loaded. A second load does
 * nothing.
 */
final class NativeLibrary {

  static final int ABI = 1;

  private static final NativeLibrary OF_THIS_JAR =
      new NativeLibrary(
          NativeLibrary.class::getResourceAsStream,
          () -> Path.of(System.getProperty("java.io.tmpdir")),
          file -> System.load(file.toString()),
          NativeCore::abiVersion);

  private final Function<String, InputStream> resources;
  private final Supplier<Path> folder;
  private final Consumer<Path> loader;
  private final IntSupplier abi;
  private boolean loaded;

  /**
   * The parts a test replaces.
   *
   * @param folder where copies are made
   * @param abi the version of the interface that the loaded library has
   */
  NativeLibrary(
      Function<String, InputStream> resources,
      Supplier<Path> folder,
      Consumer<Path> loader,
      IntSupplier abi) {
    this.resources = resources;
    this.folder = folder;
    this.loader = loader;
    this.abi = abi;
  }

  /** For this JVM; {@code configured} may be null. */
  static void load(String configured) {
    OF_THIS_JAR.load(configured, Platform::classifier);
  }

  synchronized void load(String configured, Supplier<String> classifier) {
    if (loaded) {
      return;
    }
    if (configured != null && !configured.isBlank()) {
      loadConfigured(Path.of(configured).toAbsolutePath());
    } else {
      loadCopy("/native/" + classifier.get() + "/libferry_ffi.so");
    }
    int version = abi.getAsInt();
    if (version != ABI) {
      throw refused(
          "the native library has interface %d, this plugin needs %d: take both from one release",
          version, ABI);
    }
    loaded = true;
  }

  private void loadConfigured(Path file) {
    try {
      loader.accept(file);
    } catch (UnsatisfiedLinkError e) {
      throw refused("kubesvc.nativeLibrary %s cannot be loaded: %s", file, e.getMessage());
    }
  }

  private void loadCopy(String resource) {
    Path directory = folder.get();
    Path copy = null;
    try (InputStream library = resources.apply(resource)) {
      if (library == null) {
        throw refused(
            "this plugin has no %s: take a release for this platform, or set"
                + " kubesvc.nativeLibrary",
            resource);
      }
      copy = Files.createTempFile(directory, "libferry_ffi-", ".so");
      Files.copy(library, copy, StandardCopyOption.REPLACE_EXISTING);
      loader.accept(copy);
    } catch (IOException | UnsatisfiedLinkError e) {
      throw refused(
          "the native library cannot be loaded from the folder %s (read-only, full or mounted"
              + " noexec?): name another one by -Djava.io.tmpdir, or set kubesvc.nativeLibrary to"
              + " a file elsewhere; cause: %s",
          directory, e);
    } finally {
      if (copy != null) {
        copy.toFile().delete();
      }
    }
  }

  private static FerryException refused(String message, Object... parts) {
    return new FerryException("CONFIG", String.format(message, parts));
  }
}
