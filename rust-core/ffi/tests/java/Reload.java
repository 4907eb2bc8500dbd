package io.ferry.bridge;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Loads a fresh copy of the library in a loader of its own, starts a core, uses it, ends it and lets
 * go, many times; then tells what is left. Arguments: library, configuration, classes, times, and
 * how cores end: {@code shutdown}, {@code unload} (with their library), {@code hang} (a call in
 * them does).
 */
final class Reload {

  private Reload() {}

  /** What is loaded each time. */
  public static final class Once {
    public static void run(String library, String config, String end) {
      System.load(library);
      long core = NativeCore.start(config.getBytes(StandardCharsets.UTF_8));
      byte[] none = {};
      for (int i = 0; i < 5; i++) {
        Reply reply = NativeCore.handle(core, "GET", "/armory/accounts", new String[0], none);
        if (reply.status != 200) {
          throw new AssertionError(reply.status);
        }
      }
      try {
        NativeCore.metrics(core + 1);
        throw new AssertionError("a stale handle");
      } catch (FerryException e) {
        // As it should be.
      }
      if (end.equals("hang")) {
        Fault.arm("metrics", "task-hang");
        Thread hung = new Thread(() -> NativeCore.metrics(core));
        hung.setUncaughtExceptionHandler(
            (thread, e) -> System.out.println(((FerryException) e).kind));
        hung.start();
        try {
          Thread.sleep(300);
          NativeCore.shutdown(core);
          hung.join();
        } catch (InterruptedException e) {
          throw new AssertionError(e);
        }
      }
      if (end.equals("shutdown")) {
        NativeCore.shutdown(core);
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    Path library = Path.of(arguments[0]);
    int times = Integer.parseInt(arguments[3]);
    String end = arguments[4];
    String before = null;
    for (int i = 0; i < times; i++) {
      once(library, arguments[1], arguments[2], end);
      awaitUnload();
      // The first few load what stays anyway: the JVM's own classes, threads and buffers.
      if (i == times / 10) {
        before = left();
      }
    }
    System.out.println("before " + before);
    System.out.println("after " + left());
    System.out.println(threads());
  }

  /** One after another: SQLite's threads do not say whose they are. */
  private static void awaitUnload() throws Exception {
    for (int wait = 0; wait < 150 && mapped() > 0; wait++) {
      System.gc();
      Thread.sleep(20);
    }
  }

  private static void once(Path library, String config, String classes, String end)
      throws Exception {
    Path copy = Files.createTempFile(library.getParent(), "ferry-reload-", ".so");
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {new File(classes).toURI().toURL()}, null)) {
      Files.copy(library, copy, StandardCopyOption.REPLACE_EXISTING);
      loader
          .loadClass("io.ferry.bridge.Reload$Once")
          .getMethod("run", String.class, String.class, String.class)
          .invoke(null, copy.toString(), config, end);
    } finally {
      Files.delete(copy);
    }
  }

  private static String left() throws IOException {
    return "threads="
        + new File("/proc/self/task").list().length
        + " files="
        + new File("/proc/self/fd").list().length
        + " libraries="
        + mapped()
        + " resident-kib="
        + resident();
  }

  private static long mapped() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).stream()
        .filter(line -> line.contains("ferry-reload-") && line.contains("r-x"))
        .count();
  }

  private static String threads() throws IOException {
    StringBuilder names = new StringBuilder("left");
    for (String task : new File("/proc/self/task").list()) {
      List<String> name = Files.readAllLines(Path.of("/proc/self/task", task, "comm"));
      String text = name.stream().collect(Collectors.joining());
      if (text.startsWith("ferry") || text.startsWith("sqlx")) {
        names.append(' ').append(text);
      }
    }
    return names.toString();
  }

  private static long resident() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmRSS"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
        .sum();
  }
}
