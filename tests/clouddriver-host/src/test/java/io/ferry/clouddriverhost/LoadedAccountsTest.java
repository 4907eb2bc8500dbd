package io.ferry.clouddriverhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.ferry.clouddriverhost.Http.Reply;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Accounts that a poll has loaded: GET /credentials, and what writes say to them. */
class LoadedAccountsTest {

  private static HostProcess host;
  private static Http http;

  @BeforeAll
  static void start() {
    host =
        HostProcess.start(
            "--credentials.poller.enabled=true",
            "--credentials.poller.types.kubernetes.reloadFrequencyMs=100",
            "--credentials.primaryAccountTypes=main",
            "--credentials.challengeDestructiveActionsEnvironments=prod");
    http = host.http();
  }

  @AfterAll
  static void stop() {
    host.close();
  }

  @Test
  void anAccountComesAndGoesWithThePolls() {
    http.post("/credentials", Accounts.kubernetes("polled"));
    await(() -> http.get("/credentials/polled").status == 200);
    assertTrue(isListed("polled"));
    http.delete("/credentials/polled");
    await(() -> http.get("/credentials/polled").status == 404);
    assertFalse(isListed("polled"));
  }

  @Test
  void aTypeWithoutAnIntervalIsNotPolled() {
    http.post("/credentials", Accounts.dockerRegistry("unpolled"));
    http.post("/credentials", Accounts.kubernetes("beside"));
    await(() -> http.get("/credentials/beside").status == 200);
    assertEquals(404, http.get("/credentials/unpolled").status);
  }

  @Test
  void postOfALoadedNameIsRefused() {
    http.post("/credentials", Accounts.kubernetes("acc1"));
    await(() -> http.get("/credentials/acc1").status == 200);
    Reply again = http.post("/credentials", Accounts.kubernetes("acc1"));
    assertEquals(400, again.status, again::toString);
    assertEquals("Cannot create an account which already exists (name: acc1)", again.message());
  }

  @Test
  void putByNameUpdatesALoadedAccountAndIsLoadedAgain() {
    http.post("/credentials", Accounts.kubernetes("changing"));
    await(() -> http.get("/credentials/changing").status == 200);
    String moved =
        "{\"type\":\"kubernetes\",\"name\":\"changing\",\"environment\":\"elsewhere\"}";
    Reply reply = http.put("/credentials/changing", moved);
    assertEquals(200, reply.status, reply::toString);
    await(
        () ->
            http.get("/credentials/changing")
                .json()
                .path("environment")
                .asText()
                .equals("elsewhere"));
  }

  @Test
  void theListShowsAFewFieldsAndTheAccountShowsAll() {
    http.post(
        "/credentials",
        "{\"type\":\"kubernetes\",\"name\":\"shown\",\"environment\":\"prod\","
            + "\"accountType\":\"main\",\"permissions\":{\"READ\":[\"Ops\"],\"WRITE\":[\"ops\"]}}");
    await(() -> isListed("shown"));
    JsonNode account = listed("shown");
    assertEquals(
        Set.of(
            "accountType",
            "challengeDestructiveActions",
            "cloudProvider",
            "environment",
            "name",
            "permissions",
            "primaryAccount",
            "requiredGroupMembership",
            "type"),
        fields(account));
    assertEquals("prod", account.path("environment").asText());
    assertEquals("main", account.path("accountType").asText());
    assertEquals("kubernetes", account.path("type").asText());
    assertEquals("kubernetes", account.path("cloudProvider").asText());
    assertTrue(account.path("primaryAccount").asBoolean());
    assertTrue(account.path("challengeDestructiveActions").asBoolean());
    assertEquals("ops", account.path("permissions").path("READ").path(0).asText());
    assertTrue(fields(http.get("/credentials/shown").json()).containsAll(fields(account)));
  }

  @Test
  void withoutAnEnvironmentTheNameStandsForIt() {
    http.post("/credentials", "{\"type\":\"kubernetes\",\"name\":\"plain\"}");
    await(() -> isListed("plain"));
    assertEquals("plain", listed("plain").path("environment").asText());
    assertEquals("plain", listed("plain").path("accountType").asText());
    assertFalse(listed("plain").path("primaryAccount").asBoolean());
  }

  @Test
  void configuredAccountsAreLoadedBesideStoredOnes(@TempDir Path directory) throws Exception {
    Files.writeString(
        directory.resolve("clouddriver.yml"),
        "kubernetes:\n"
            + "  accounts:\n"
            + "    - name: written-down\n"
            + "      kubeconfigFile: /etc/kubeconfig\n"
            + "      environment: prod\n"
            + "      namespaces: [one, two]\n"
            + "      permissions:\n"
            + "        READ: [ops]\n"
            + "        WRITE: [ops]\n");
    String data = "--host.data-dir=" + directory;
    try (HostProcess first = HostProcess.start(data)) {
      first.http().post("/credentials", Accounts.kubernetes("stored"));
    }
    try (HostProcess second =
        HostProcess.start(data, "--spring.config.additional-location=" + directory + "/")) {
      assertEquals(200, second.http().get("/credentials/stored").status);
      JsonNode account = second.http().get("/credentials/written-down").json();
      assertEquals("prod", account.path("environment").asText());
      assertEquals("ops", account.path("permissions").path("WRITE").path(0).asText());
      Reply stored = second.http().get("/credentials/type/kubernetes");
      assertEquals(1, stored.json().size(), "the configured account is not in the database");
    }
  }

  private static boolean isListed(String name) {
    return !listed(name).isMissingNode();
  }

  private static JsonNode listed(String name) {
    for (JsonNode account : http.get("/credentials").json()) {
      if (account.path("name").asText().equals(name)) {
        return account;
      }
    }
    return MissingNode.getInstance();
  }

  private static Set<String> fields(JsonNode object) {
    Set<String> fields = new TreeSet<>();
    object.fieldNames().forEachRemaining(fields::add);
    return fields;
  }

  private static void await(BooleanSupplier condition) {
    Instant deadline = Instant.now().plus(Duration.ofSeconds(10));
    while (!condition.getAsBoolean()) {
      assertTrue(Instant.now().isBefore(deadline), "not within ten seconds");
      Thread.onSpinWait();
    }
  }
}
