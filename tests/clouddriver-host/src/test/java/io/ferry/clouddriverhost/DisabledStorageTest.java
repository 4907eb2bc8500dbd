package io.ferry.clouddriverhost;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ferry.clouddriverhost.Http.Reply;
import org.junit.jupiter.api.Test;

/** A Clouddriver that was not told to store accounts. */
class DisabledStorageTest {

  @Test
  void everyStorageEndpointSaysSoAndTheOthersServe() {
    try (HostProcess host = HostProcess.start("--account.storage.enabled=false")) {
      Http http = host.http();
      String account = Accounts.kubernetes("acc1");
      assertAll(
          () -> refused(http.post("/credentials", account)),
          () -> refused(http.put("/credentials", account)),
          () -> refused(http.put("/credentials/acc1", account)),
          () -> refused(http.delete("/credentials/acc1")),
          () -> refused(http.get("/credentials/type/kubernetes")),
          () -> refused(http.get("/credentials/acc1/history")),
          () -> assertEquals("200 []", http.get("/credentials").toString()),
          () -> assertEquals(404, http.get("/credentials/acc1").status));
    }
  }

  private static void refused(Reply reply) {
    assertEquals(400, reply.status, reply::toString);
    assertEquals(
        "com.netflix.spinnaker.kork.exceptions.ConfigurationException",
        reply.json().path("exception").asText());
  }
}
