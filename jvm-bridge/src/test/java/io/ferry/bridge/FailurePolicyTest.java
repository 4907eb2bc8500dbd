package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.ferry.clouddriverhost.Accounts;
import io.ferry.clouddriverhost.HostProcess;
import io.ferry.clouddriverhost.Http;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A Clouddriver whose Ferry cannot run is a Clouddriver all the same, unless it was told not to. */
class FailurePolicyTest {

  @TempDir Path plugins;

  @Test
  void aJarWithoutALibraryLeavesClouddriverAsItIs() {
    try (HostProcess host = PluginHost.start(PluginHost.BARE_JAR, plugins)) {
      assertServesWithoutFerry(host.http(), "/libferry_ffi.so");
    }
  }

  @Test
  void soDoesAnyOtherReason() throws IOException {
    Path file = Files.writeString(plugins.resolve("not-a-library.so"), "text");
    assertNotRunning("--kubesvc.nativeLibrary=" + file, file.toString());
  }

  @Test
  void soDoesAKeyThatIsMisspelled() {
    assertNotRunning("--kubesvc.grpc.server.prot=1", "kubesvc.grpc.server.prot");
  }

  @Test
  void soDoesAKeyFileThatCannotBeMade() {
    assertNotRunning("--kubesvc.secrets.keyFile=/nowhere/ferry.key", "/nowhere/ferry.key");
  }

  @Test
  void soDoesArmorysPlugin() {
    assertNotRunning(
        "--spinnaker.extensibility.plugins.Armory.Kubesvc.enabled=true",
        "Ferry.Accounts and Armory.Kubesvc");
  }

  @Test
  void whereFerryIsRequiredClouddriverDoesNotStart() {
    IllegalStateException refusal =
        assertThrows(
            IllegalStateException.class,
            () -> PluginHost.start(PluginHost.BARE_JAR, plugins, "--kubesvc.required=true"));
    assertTrue(
        refusal.getMessage().contains("FERRY DOES NOT RUN (CONFIG): this plugin has no /native/"),
        refusal.getMessage());
  }

  @Test
  void itsHealthCanBeLeftOutOfClouddrivers() {
    try (HostProcess host =
        PluginHost.start(PluginHost.BARE_JAR, plugins, "--management.health.ferry.enabled=false")) {
      JsonNode health = host.http().get("/health").json();
      assertEquals("UP", health.path("status").asText());
      assertTrue(health.at("/components/ferry").isMissingNode(), health.toString());
    }
  }

  private void assertNotRunning(String argument, String reason) {
    try (HostProcess host = PluginHost.start(PluginHost.JAR, plugins, argument)) {
      assertServesWithoutFerry(host.http(), reason);
    }
  }

  private static void assertServesWithoutFerry(Http http, String reason) {
    Http.Reply posted = http.post("/credentials", Accounts.kubernetes("acc1"));
    assertEquals(200, posted.status, posted.body);
    assertEquals("acc1", posted.json().path("name").asText());
    assertEquals(200, http.delete("/credentials/acc1").status);
    assertEquals(200, http.get("/credentials").status);

    Http.Reply health = http.get("/health");
    assertEquals(200, health.status);
    assertEquals("UP", health.json().path("status").asText());
    JsonNode ferry = health.json().at("/components/ferry");
    assertEquals("FERRY_DOWN", ferry.path("status").asText());
    assertEquals(200, http.get("/health/ferry").status);
    assertTrue(ferry.at("/details/reason").asText().contains(reason), ferry.toString());

    for (String path : new String[] {"/armory/accounts", "/agents/kubernetes/accounts/acc1"}) {
      Http.Reply refused = http.get(path);
      assertEquals(503, refused.status, path);
      assertEquals("Service Unavailable", refused.json().path("error").asText());
      assertEquals(503, refused.json().path("status").asInt());
      assertTrue(refused.message().contains(reason), refused.body);
    }
  }
}
