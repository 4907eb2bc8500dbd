package io.ferry.clouddriverhost;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A host of one's own, started by its script as anyone would, on a free port unless one is given.
 *
 * <p>Its working directory is temporary, with standard error in host.log; close deletes it.
 */
public final class HostProcess implements AutoCloseable {

  private static final Path SCRIPT =
      Path.of(System.getProperty("host.install"), "bin", "clouddriver-host");

  private final Process process;
  private final BufferedReader stdout;
  private final Path directory;
  private final String readyLine;
  private final JsonNode ready;

  private HostProcess(Process process, Path directory) throws IOException {
    this.process = process;
    this.directory = directory;
    this.stdout =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    this.readyLine = stdout.readLine();
    if (readyLine == null) {
      throw new IllegalStateException("The host did not start:\n" + log());
    }
    this.ready = new ObjectMapper().readTree(readyLine);
  }

  public static HostProcess start(String... arguments) {
    try {
      Path directory = Files.createTempDirectory("host-test");
      List<String> command = new ArrayList<>();
      command.add(SCRIPT.toString());
      if (Stream.of(arguments).noneMatch(argument -> argument.startsWith("--server.port="))) {
        command.add("--server.port=0");
      }
      command.add("--host.exit-with-stdin=true");
      command.addAll(List.of(arguments));
      Process process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectError(directory.resolve("host.log").toFile())
              .start();
      return new HostProcess(process, directory);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public Http http() {
    return new Http(ready.required("url").asText());
  }

  public String readyLine() {
    return readyLine;
  }

  public Process process() {
    return process;
  }

  public String log() throws IOException {
    return Files.readString(directory.resolve("host.log"));
  }

  /** Closes standard input, then returns the exit code and what else standard output carried. */
  public Ended end() throws IOException, InterruptedException {
    process.getOutputStream().close();
    if (!process.waitFor(20, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IllegalStateException("The host outlives its standard input:\n" + log());
    }
    List<String> rest = new ArrayList<>();
    stdout.lines().forEach(rest::add);
    return new Ended(process.exitValue(), rest);
  }

  @Override
  public void close() {
    try {
      end();
      deleteDirectory();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      process.destroyForcibly();
    }
  }

  private void deleteDirectory() throws IOException {
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).collect(Collectors.toList())) {
        Files.delete(file);
      }
    }
  }

  /** What is left of a host. */
  public static final class Ended {
    public final int exitCode;
    public final List<String> furtherOutput;

    private Ended(int exitCode, List<String> furtherOutput) {
      this.exitCode = exitCode;
      this.furtherOutput = furtherOutput;
    }
  }
}
