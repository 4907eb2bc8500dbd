package io.ferry.bridge;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Which of the jar's native libraries fits this JVM: system, processor and C library. */
final class Platform {

  private Platform() {}

  /** Such as linux-x86_64-gnu: a folder below /native in the jar. */
  static String classifier() {
    return classifier(System.getProperty("os.name"), System.getProperty("os.arch"), mappedFiles());
  }

  static String classifier(String system, String processor, String mappedFiles) {
    if (!system.toLowerCase(Locale.ROOT).startsWith("linux")) {
      throw new FerryException("CONFIG", "Ferry has no native library for " + system);
    }
    return "linux-" + architecture(processor) + (isMusl(mappedFiles) ? "-musl" : "-gnu");
  }

  private static String architecture(String processor) {
    switch (processor) {
      case "amd64":
      case "x86_64":
        return "x86_64";
      case "aarch64":
      case "arm64":
        return "aarch64";
      default:
        throw new FerryException("CONFIG", "Ferry has no native library for Linux on " + processor);
    }
  }

  /**
   * Whether this JVM itself runs on musl. Its mapped files tell for sure; files on disk would not:
   * both C libraries may be installed.
   */
  private static boolean isMusl(String mappedFiles) {
    return mappedFiles.contains("/ld-musl-") || mappedFiles.contains("/libc.musl-");
  }

  private static String mappedFiles() {
    try {
      byte[] maps = Files.readAllBytes(Path.of("/proc/self/maps"));
      return new String(maps, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return "";
    }
  }
}
