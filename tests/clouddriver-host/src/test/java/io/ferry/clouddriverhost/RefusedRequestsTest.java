package io.ferry.clouddriverhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.ferry.clouddriverhost.Http.Reply;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests that are answered with an error, and the shape of errors. */
class RefusedRequestsTest {

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

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{\"type\":\"kubernetes\",",
        "{\"name\":\"acc1\"}",
        "{\"type\":\"wrong\",\"name\":\"acc1\"}",
        "{\"type\":\"kubernetes\",\"name\":\"acc1\",\"namespaces\":\"default\"}",
        "{\"type\":\"kubernetes\",\"name\":\"acc1\",\"cacheThreads\":\"many\"}",
      })
  void whatCannotBeReadIsRefusedWithAnEmptyBody(String body) {
    assertEquals("400 ", http.post("/credentials", body).toString());
    assertEquals("400 ", http.put("/credentials", body).toString());
    assertEquals("400 ", http.put("/credentials/acc1", body).toString());
  }

  @Test
  void aMissingNameIsAnInternalError() {
    assertEquals(500, http.post("/credentials", "{\"type\":\"kubernetes\"}").status);
    assertEquals(500, http.put("/credentials", "{\"type\":\"kubernetes\"}").status);
  }

  @Test
  void putByNameNeedsALoadedAccount() {
    http.post("/credentials", Accounts.kubernetes("stored-only"));
    Reply reply = http.put("/credentials/stored-only", Accounts.kubernetes("stored-only"));
    assertEquals(400, reply.status, reply::toString);
    assertEquals(
        "Cannot update an account which does not exist (name: stored-only)", reply.message());
  }

  @Test
  void putByNameNeedsThatNameInTheBody() {
    Reply reply = http.put("/credentials/other", Accounts.kubernetes("acc1"));
    assertEquals(400, reply.status, reply::toString);
    assertEquals(
        "Mismatched account names. URI value: other. Request body value: acc1.", reply.message());
  }

  @Test
  void getOfANameThatIsNotLoadedIsNotFound() {
    http.post("/credentials", Accounts.kubernetes("unloaded"));
    Reply reply = http.get("/credentials/unloaded");
    assertEquals(404, reply.status, reply::toString);
    assertEquals("Account does not exist (name: unloaded)", reply.message());
  }

  @Test
  void errorsHaveTheShapeOfClouddriver() {
    Reply reply = http.put("/credentials/other", Accounts.kubernetes("acc1"));
    JsonNode error = reply.json();
    Set<String> fields = new TreeSet<>();
    error.fieldNames().forEachRemaining(fields::add);
    assertEquals(Set.of("error", "exception", "message", "status", "timestamp"), fields);
    assertEquals("Bad Request", error.path("error").asText());
    assertEquals(
        "com.netflix.spinnaker.kork.web.exceptions.InvalidRequestException",
        error.path("exception").asText());
    assertEquals(400, error.path("status").asInt());
    assertTrue(
        error
            .path("timestamp")
            .asText()
            .matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}\\+00:00"),
        reply.body);
    assertEquals("close", reply.header("Connection"));
    assertEquals("chunked", reply.header("Transfer-Encoding"));
  }
}
