package io.ferry.clouddriverhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How whoever starts the host learns of it, configures it and ends it. */
class StartTest {

  @Test
  void oneLineOnStandardOutputThenAnEndWithStandardInput() throws Exception {
    try (HostProcess host = HostProcess.start()) {
      assertTrue(
          host.readyLine()
              .matches(
                  "\\{\"url\":\"http://127\\.0\\.0\\.1:\\d+\",\"pid\":"
                      + host.process().pid()
                      + "}"),
          host.readyLine());
      assertEquals("UP", host.http().get("/health").json().path("status").asText());
      HostProcess.Ended ended = host.end();
      assertEquals(0, ended.exitCode);
      assertEquals(List.of(), ended.furtherOutput);
    }
  }

  @Test
  void configurationIsReadFromClouddriverYmlAndArgumentsGoBeforeIt(@TempDir Path directory)
      throws Exception {
    Files.writeString(
        directory.resolve("clouddriver.yml"),
        "account.storage.enabled: false\nhost.data-dir: " + directory + "\n");
    String location = "--spring.config.additional-location=" + directory + "/";
    try (HostProcess host = HostProcess.start(location)) {
      assertEquals(400, host.http().get("/credentials/type/kubernetes").status);
    }
    try (HostProcess host = HostProcess.start(location, "--account.storage.enabled=true")) {
      assertEquals("[]", host.http().get("/credentials/type/kubernetes").body);
    }
    assertTrue(Files.exists(directory.resolve("clouddriver.db")));
  }
}
