package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ferry.clouddriverhost.Accounts;
import io.ferry.clouddriverhost.HostProcess;
import io.ferry.clouddriverhost.Http;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real jar with the real library in a host: an account's way through Clouddriver's JVM. */
class WalkTest {

  private static final String[] ANN = {"X-SPINNAKER-USER", "ann"};

  @TempDir Path plugins;

  @Test
  void anAccountThatIsPostedIsInactiveThenOnItsWay() throws Exception {
    try (HostProcess host = start(PluginHost.JAR)) {
      Http http = host.http();
      assertEquals("UP", http.get("/health").json().at("/components/ferry/status").asText());
      assertEquals(200, http.post("/credentials", Accounts.kubernetes("acc 1-ü"), ANN).status);

      Http.Reply account = http.get("/armory/accounts/acc%201-%C3%BC");
      assertEquals("INACTIVE", account.json().path("status").asText(), account.toString());
      assertEquals("acc 1-ü", account.json().path("name").asText());
      assertEquals("application/json", account.header("Content-Type"));

      String activate = "[{\"name\":\"acc 1-ü\",\"state\":\"ACTIVE\"}]";
      assertEquals(202, http.send("PATCH", "/armory/accounts", activate, ANN).status);
      assertEquals(
          "TO_MIGRATE",
          http.get("/agents/kubernetes/accounts/acc%201-%C3%BC")
              .json()
              .path("status")
              .asText());

      assertEquals(200, http.delete("/credentials/acc%201-%C3%BC", ANN).status);
      assertEquals(404, http.get("/armory/accounts/acc%201-%C3%BC").status);
      assertEquals(0, http.get("/armory/accounts?limit=5").json().path("total").asInt());
      assertEquals(0, host.end().exitCode);
      assertTrue(host.log().contains("Ferry 0."), host.log());
    }
  }

  @Test
  void whatClouddriverRefusesIsNotRecorded() {
    try (HostProcess host = start(PluginHost.JAR)) {
      Http http = host.http();
      assertEquals(200, http.post("/credentials", Accounts.kubernetes("acc1")).status);
      assertEquals(202, http.send("DELETE", "/armory/accounts", "[\"acc1\"]").status);
      assertEquals(500, http.post("/credentials", Accounts.kubernetes("acc1")).status);
      assertTrue(http.get("/armory/accounts/acc1").json().path("status").isMissingNode());
      assertEquals(400, http.post("/credentials", "{").status);
      assertEquals(200, http.post("/credentials", Accounts.dockerRegistry("docker")).status);
      assertEquals(404, http.get("/armory/accounts/docker").status);
    }
  }

  @Test
  void theCoresRefusalsAreItsOwn() {
    try (HostProcess host = start(PluginHost.JAR)) {
      Http http = host.http();
      assertEquals(404, http.get("/armory/accounts/nobody").status);
      assertEquals(404, http.get("/armory/something").status);
      assertEquals(405, http.put("/armory/accounts", "[]").status);
      assertEquals(400, http.get("/armory/accounts?lmit=1").status);
      Http.Reply unknown = http.post("/armory/accounts", "[{\"name\":\"ü\"}]");
      assertEquals(400, unknown.status);
      assertTrue(unknown.body.contains("ü"), unknown.body);
    }
  }

  @Test
  void theBundleDoesTheSame() {
    try (HostProcess host = start(PluginHost.BUNDLE)) {
      Http http = host.http();
      assertEquals(200, http.post("/credentials", Accounts.kubernetes("acc1")).status);
      assertEquals(
          "INACTIVE", http.get("/armory/accounts/acc1").json().path("status").asText());
    }
  }

  private HostProcess start(String archive) {
    return PluginHost.start(archive, plugins);
  }
}
