package io.ferry.clouddriverhost;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Plugins are loaded by kork's real loader, and may do what they may do in Clouddriver. */
class PluginTest {

  @TempDir Path plugins;

  @BeforeEach
  void putPluginInPlace() throws IOException {
    Files.copy(Path.of(System.getProperty("probe.plugin")), plugins.resolve("probe.jar"));
  }

  @Test
  void aPluginSeesTheWritesThatPassedTheServiceAndServesAPath() {
    try (HostProcess host = start("--spinnaker.extensibility.plugins.Ferry.Probe.enabled=true")) {
      Http http = host.http();
      http.post("/credentials", Accounts.kubernetes("acc1"));
      http.put("/credentials/acc1", Accounts.kubernetes("acc1"));
      http.put("/credentials", Accounts.kubernetes("acc2"));
      assertEquals("[\"create acc1\",\"save acc2\"]", http.get("/probe/writes").body);
    }
  }

  @Test
  void thePolicyOfAccountsCanBeReplacedAndIsAskedBeforeAnyWrite() {
    try (HostProcess host =
        start(
            "--spinnaker.extensibility.plugins.Ferry.Probe.enabled=true",
            "--probe.policy=read-only")) {
      Http http = host.http();
      assertEquals(403, http.post("/credentials", Accounts.kubernetes("acc1")).status);
      assertEquals(403, http.put("/credentials", Accounts.kubernetes("acc1")).status);
      assertEquals(403, http.delete("/credentials/acc1").status);
      assertEquals(200, http.get("/credentials").status);
      assertEquals("[]", http.get("/probe/writes").body);
    }
  }

  @Test
  void aPluginThatIsNotEnabledIsNotStarted() {
    try (HostProcess host = start()) {
      assertEquals(404, host.http().get("/probe/writes").status);
    }
  }

  private HostProcess start(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.add("--spinnaker.extensibility.plugins-root-path=" + plugins);
    return HostProcess.start(all.toArray(String[]::new));
  }
}
