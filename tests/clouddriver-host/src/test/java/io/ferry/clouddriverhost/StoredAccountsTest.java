package io.ferry.clouddriverhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.ferry.clouddriverhost.Http.Reply;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What is stored, and how it is answered, while no poll loads anything. */
class StoredAccountsTest {

  private static HostProcess host;
  private static Http http;

  @BeforeAll
  static void start() {
    host = HostProcess.start();
    http = host.http();
  }

  @AfterAll
  static void stop() {
    host.close();
  }

  @Test
  void postAnswersTheWholeDefinitionTypeFirst() {
    Reply reply = http.post("/credentials", Accounts.kubernetes("whole"));
    assertEquals(200, reply.status, reply::toString);
    assertTrue(
        reply.body.startsWith("{\"type\":\"kubernetes\",\"name\":\"whole\","), reply::toString);
    assertEquals("apiVersion: v1", reply.json().path("kubeconfigContents").asText());
    assertEquals("kubernetesAnnotations", reply.json().path("namingStrategy").asText());
    assertEquals("application/json;charset=UTF-8", reply.header("Content-Type"));
  }

  @Test
  void postOfANameStoredButNotLoadedFailsOnTheDuplicateKey() {
    assertEquals(200, http.post("/credentials", Accounts.kubernetes("twice")).status);
    Reply again = http.post("/credentials", Accounts.kubernetes("twice"));
    assertEquals(500, again.status, again::toString);
    assertTrue(again.message().startsWith("Cannot create account with definition"), again.body);
    assertEquals("close", again.header("Connection"));
    assertEquals("chunked", again.header("Transfer-Encoding"));
  }

  @Test
  void oddDefinitionsAreStoredAsTheyAre() {
    String garbage =
        "{\"type\":\"kubernetes\",\"name\":\"%s\",\"kubeconfigContents\":\"::not yaml\"}";
    assertEquals(200, http.post("/credentials", String.format(garbage, "garbage")).status);

    String missing =
        "{\"type\":\"kubernetes\",\"name\":\"missing\",\"kubeconfigFile\":\"/no/such/file\"}";
    assertEquals(200, http.post("/credentials", missing).status);

    Reply path = http.post("/credentials", Accounts.kubernetes("../x"));
    assertEquals(200, path.status, path::toString);

    Reply unknown =
        http.post(
            "/credentials", "{\"type\":\"kubernetes\",\"name\":\"unknown\",\"colour\":\"blue\"}");
    assertEquals(200, unknown.status, unknown::toString);
    assertFalse(unknown.json().has("colour"));
    assertEquals("unknown", stored("unknown").path("name").asText());
  }

  @Test
  void putStoresWhatIsNewAndReplacesWhatIsThere() {
    assertEquals(200, http.put("/credentials", Accounts.kubernetes("saved", "one")).status);
    Reply reply = http.put("/credentials", Accounts.kubernetes("saved", "two"));
    assertEquals(200, reply.status, reply::toString);
    assertEquals("two", reply.json().path("context").asText());
    assertEquals("two", stored("saved").path("context").asText());
  }

  @Test
  void deleteAnswersNothingThenNotFound() {
    http.post("/credentials", Accounts.kubernetes("gone"));
    Reply first = http.delete("/credentials/gone");
    assertEquals("200 ", first.toString());
    Reply second = http.delete("/credentials/gone");
    assertEquals(404, second.status, second::toString);
    assertEquals("No account found with name gone", second.message());
    assertEquals(200, http.post("/credentials", Accounts.kubernetes("gone")).status);
  }

  @Test
  void historyIsNewestFirstAndRemembersDeletion() {
    http.post("/credentials", Accounts.kubernetes("past", "one"));
    http.put("/credentials", Accounts.kubernetes("past", "two"));
    http.delete("/credentials/past");
    http.post("/credentials", Accounts.kubernetes("past", "three"));

    JsonNode history = http.get("/credentials/past/history").json();
    assertEquals(4, history.size());
    for (int i = 0; i < 4; i++) {
      assertEquals(4 - i, history.path(i).path("version").asInt());
      assertTrue(history.path(i).path("timestamp").asLong() > 0);
    }
    assertEquals("three", history.path(0).path("account").path("context").asText());
    assertFalse(history.path(1).has("account"), "a deletion has no account");
    assertEquals("one", history.path(3).path("account").path("context").asText());
    assertEquals("[]", http.get("/credentials/never/history").body);
  }

  @Test
  void listByTypeIsOrderedLimitedAndStartsAtTheNameGiven() {
    for (int i = 105; i > 0; i--) {
      http.post("/credentials", Accounts.dockerRegistry(String.format("page-%03d", i)));
    }
    String path = "/credentials/type/dockerRegistry?startingAccountName=page-";
    assertEquals(
        List.of("page-010", "page-011", "page-012"), names(http.get(path + "010&limit=3")));
    assertEquals(100, names(http.get(path)).size(), "100 by default");
    assertEquals("page-105", names(http.get(path + "105")).get(0));
    assertEquals("page-001", names(http.get("/credentials/type/dockerRegistry?limit=1")).get(0));
    assertEquals("[]", http.get("/credentials/type/nothing").body);
  }

  @Test
  void aTypeListsOnlyItsOwn() {
    http.post("/credentials", Accounts.dockerRegistry("registry"));
    http.post("/credentials", Accounts.kubernetes("cluster"));
    List<String> clusters = names(http.get("/credentials/type/kubernetes?limit=1000"));
    assertTrue(clusters.contains("cluster"));
    assertFalse(clusters.contains("registry"));
    Reply registries = http.get("/credentials/type/dockerRegistry?startingAccountName=registry");
    assertEquals("registry.test", registries.json().path(0).path("address").asText());
  }

  @Test
  void acceptHeadersAreIgnored() {
    Reply reply = http.post("/credentials", Accounts.kubernetes("html"), "Accept", "text/html");
    assertEquals(200, reply.status, reply::toString);
    assertEquals("application/json;charset=UTF-8", reply.header("Content-Type"));
  }

  private static JsonNode stored(String name) {
    return http.get("/credentials/type/kubernetes?limit=1&startingAccountName=" + name)
        .json()
        .path(0);
  }

  private static List<String> names(Reply list) {
    List<String> names = new ArrayList<>();
    list.json().forEach(account -> names.add(account.path("name").asText()));
    return names;
  }
}
