package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.ferry.clouddriverhost.Accounts;
import io.ferry.clouddriverhost.Http;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The same jar, unchanged, on Spring Boot 3, Spring 6 and PF4J 3.14. */
class NextGenerationTest {

  @TempDir Path directory;
  @TempDir Path plugins;

  @Test
  void theWalkIsTheSame() throws Exception {
    run(PluginHost.JAR, NextGenerationTest::walk);
  }

  @Test
  void aFerryThatCannotRunLeavesItUp() throws Exception {
    run(
        PluginHost.BARE_JAR,
        http -> {
          Http.Reply health = http.get("/health");
          assertEquals(200, health.status, health.body);
          assertEquals("UP", health.json().path("status").asText());
          assertEquals(
              "FERRY_DOWN", health.json().at("/components/ferry/status").asText(), health.body);
          assertEquals(200, http.get("/health/ferry").status);
          assertEquals(503, http.get("/armory/accounts").status);
          assertEquals(200, http.post("/credentials", Accounts.kubernetes("acc1")).status);
        });
  }

  private void run(String jar, Consumer<Http> scene) throws Exception {
    PluginHost.install(jar, plugins);
    int port = PluginHost.freePort();
    List<String> command = new ArrayList<>();
    Collections.addAll(command, "java", "-Xmx256m", "-Dplugins=" + plugins);
    Collections.addAll(command, "-cp", System.getProperty("ferry.nextHost"));
    Collections.addAll(command, "io.ferry.nexthost.NextHost", "--server.address=127.0.0.1");
    command.add("--server.port=" + port);
    command.addAll(Database.properties());
    command.add("--kubesvc.grpc.server.address=127.0.0.1");
    command.add("--kubesvc.grpc.server.port=0");
    Process host =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .start();
    try {
      awaitStart(host);
      scene.accept(new Http("http://127.0.0.1:" + port));
      host.getOutputStream().close();
      assertTrue(host.waitFor(20, TimeUnit.SECONDS), "it outlives its standard input");
      assertEquals(0, host.exitValue());
    } finally {
      host.destroyForcibly();
    }
  }

  private static void walk(Http http) {
    assertEquals("UP", http.get("/health").json().at("/components/ferry/status").asText());
    assertEquals(200, http.post("/credentials", Accounts.kubernetes("acc 1-ü")).status);
    JsonNode account = http.get("/armory/accounts/acc%201-%C3%BC").json();
    assertEquals("INACTIVE", account.path("status").asText(), account.toString());
    assertEquals(1, http.get("/armory/accounts?name=acc%20").json().path("total").asInt());
    String activate = "[{\"name\":\"acc 1-ü\",\"state\":\"ACTIVE\"}]";
    assertEquals(202, http.send("PATCH", "/armory/accounts", activate).status);
    assertEquals(405, http.put("/armory/accounts", "[]").status);
    assertEquals(200, http.delete("/credentials/acc%201-%C3%BC").status);
    assertEquals(404, http.get("/armory/accounts/acc%201-%C3%BC").status);
  }

  /** The host logs where it prints its URL; that is read to the end, so that it never blocks. */
  private static void awaitStart(Process host) throws IOException {
    BufferedReader output = new BufferedReader(new InputStreamReader(host.getInputStream()));
    StringBuilder log = new StringBuilder();
    String line;
    do {
      line = output.readLine();
      assertNotNull(line, () -> "The host did not start:\n" + log);
      log.append(line).append('\n');
    } while (!line.startsWith("url "));
    Thread reader = new Thread(() -> output.lines().forEach(rest -> {}));
    reader.setDaemon(true);
    reader.start();
  }
}
