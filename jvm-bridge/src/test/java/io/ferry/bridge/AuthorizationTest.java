package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ferry.clouddriverhost.Accounts;
import io.ferry.clouddriverhost.HostProcess;
import io.ferry.clouddriverhost.Http;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Who may do what, under a policy that knows an admin, a manager and a writer. Fiat is on, so that
 * Clouddriver minds who asks; the policy stands in for what it would say.
 */
class AuthorizationTest {

  private static final String BODY = "[{\"name\":\"unknown\",\"state\":\"ACTIVE\"}]";

  @TempDir static Path plugins;
  private static HostProcess host;

  @BeforeAll
  static void start() {
    PluginHost.install("probe.plugin", plugins);
    host =
        PluginHost.start(
            PluginHost.JAR,
            plugins,
            "--spinnaker.extensibility.plugins.Ferry.Probe.enabled=true",
            "--probe.policy=roles",
            "--services.fiat.enabled=true",
            "--kubesvc.api.maxBodySize=10000",
            "--credentials.poller.enabled=true",
            "--credentials.poller.types.kubernetes.reloadFrequencyMs=100");
    for (String name : List.of("writable1", "private", "writable2")) {
      assertEquals(
          200, host.http().post("/credentials", Accounts.kubernetes(name), as("admin")).status);
    }
    assertTimeoutPreemptively(
        Duration.ofSeconds(20),
        () -> {
          while (status("GET", "/credentials/writable2", as("admin")) != 200) {
            Thread.sleep(50);
          }
        },
        "the poller does not load accounts");
  }

  @AfterAll
  static void stop() {
    host.close();
  }

  /** 400: the core was asked, and does not know the account. */
  @ParameterizedTest
  @CsvSource({
    // method, target, admin, manager, writer, reader, nobody
    "POST,   /armory/accounts,                        400, 400, 403, 403, 403",
    "PATCH,  /armory/accounts,                        400, 400, 403, 403, 403",
    "DELETE, /armory/accounts,                        400, 400, 403, 403, 403",
    "DELETE, /armory/accounts/unknown,                400, 400, 403, 403, 403",
    "PUT,    /armory/accounts/writable1,              405, 405, 403, 403, 403",
    "PUT,    /armory/accounts/private,                405, 403, 403, 403, 403",
    "PUT,    /armory/accounts,                        405, 405, 403, 403, 403",
    "POST,   /agents/kubernetes/accounts/private,     405, 403, 403, 403, 403",
    "GET,    /armory/accounts,                        200, 200, 200, 200, 200",
    "GET,    /armory/agents,                          200, 200, 200, 200, 200",
    "GET,    /armory/accounts/writable1,              200, 200, 200, 403, 403",
    "GET,    /armory/accounts/private,                200, 200, 403, 403, 403",
    "GET,    /armory/accounts/unknown,                404, 404, 403, 403, 403",
    "GET,    /agents/kubernetes/accounts/writable1,   200, 200, 200, 403, 403",
    "GET,    /agents/kubernetes/accounts/private,     200, 200, 403, 403, 403",
    "GET,    /%61rmory/%61ccounts/private,            200, 200, 403, 403, 403",
    "GET,    /armory/accounts/writable1/audit,        200, 200, 200, 403, 403",
    "GET,    /armory/accounts/private/audit,          200, 200, 403, 403, 403",
    "GET,    /agents/kubernetes/accounts/writable1/namespaces, 200, 200, 200, 403, 403",
    "GET,    /armory/audit,                           200, 200, 403, 403, 403",
    "GET,    /armory/agents/nobody,                   404, 404, 404, 404, 404",
    "GET,    /armory/clouddrivers,                    200, 200, 403, 403, 403",
    "GET,    /armory/clouddrivers/sql/pool/settings,  200, 200, 403, 403, 403",
    "GET,    /armory/openapi.json,                    200, 200, 200, 200, 200",
    "POST,   /armory/agent/operations,                501, 501, 403, 403, 403",
    "POST,   /armory/agent/nobody/disconnect,         400, 400, 403, 403, 403",
    "POST,   /armory/agent/assignments,               400, 400, 403, 403, 403",
    "GET,    /armory/something,                       404, 404, 403, 403, 403",
    "GET,    /agents/kubernetes,                      404, 404, 403, 403, 403",
  })
  void eachRouteAsksWho(
      String method, String target, int admin, int manager, int writer, int reader, int nobody) {
    assertEquals(
        List.of(admin, manager, writer, reader, nobody),
        List.of(
            status(method, target, as("admin")),
            status(method, target, as("manager")),
            status(method, target, as("writer")),
            status(method, target, as("reader")),
            status(method, target)));
  }

  /** An account that Clouddriver has loaded is written by who may modify it. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "PATCH  | [{'name':'writable1','state':'INACTIVE'}]                  | 202",
        "PATCH  | [{'name':'private','state':'INACTIVE'}]                    | 403",
        "PATCH  | [{'name':'writable1','state':'x'},{'name':'private'}]      | 403",
        "PATCH  | [{'name':'unknown','state':'ACTIVE'}]                      | 400",
        "PATCH  | [{'name':'unknown','name':'private','state':'INACTIVE'}]   | 400",
        "PATCH  | [] ['private']                                             | 400",
        "PATCH  | {'name':'private'}                                         | 403",
        "DELETE | ['private','writable1']                                    | 403",
        "POST   | [{'name':'private'}]                                       | 403",
        "PATCH  | [                                                          | 400",
      })
  void aManagerWritesWhatTheyMayModify(String method, String body, int status) {
    String json = body.trim().replace('\'', '"');
    Http.Reply reply = host.http().send(method, "/armory/accounts", json, as("manager"));
    assertEquals(status, reply.status, reply.body);
    if (status == 403) {
      assertTrue(reply.message().startsWith("manager may not change private: "), reply.body);
    }
    assertEquals(
        "INACTIVE",
        host.http().get("/armory/accounts/private", as("admin")).json().path("status").asText());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "manager | {'names':['private','writable1']} | 403",
        "manager | {'names':['unknown']}             | 400",
        "manager | {'zoneId':'nowhere'}              | 403",
        "manager | {'names':[],'zoneId':'nowhere'}   | 403",
        "admin   | {'zoneId':'nowhere'}              | 400",
        "writer  | {'names':['writable1']}           | 403",
      })
  void whoBringsBackAccountsMayModifyEach(String user, String body, int status) {
    Http.Reply reply =
        host.http()
            .send("POST", "/armory/accounts/rollback", body.replace('\'', '"'), as(user));
    assertEquals(status, reply.status, reply.body);
  }

  @Test
  void aListShowsWhatOneMaySee() {
    assertEquals(List.of("private", "writable1", "writable2"), listed("", as("manager")));
    assertEquals(List.of("writable1", "writable2"), listed("", as("writer")));
    assertEquals(List.of("writable2"), listed("?limit=1&page=2", as("writer")));
    assertEquals(List.of(), listed("", as("reader")));
    assertEquals(
        2,
        host.http()
            .get("/armory/accounts?limit=1", as("writer"))
            .json()
            .path("total")
            .asInt());
  }

  @Test
  void aRefusalIsInClouddriversShapeAndSaysWhatIsNeeded() {
    Http.Reply write = host.http().send("PATCH", "/armory/accounts", BODY, as("writer"));
    assertEquals("Forbidden", write.json().path("error").asText());
    assertEquals(403, write.json().path("status").asInt());
    assertEquals(
        "writer may not PATCH /armory/accounts: that needs to be account manager or admin",
        write.message());
    Http.Reply read = host.http().get("/armory/accounts/private", as("writer"));
    assertTrue(read.message().contains("WRITE permission on it"), read.body);
  }

  @Test
  void whoIsRefusedIsSoBeforeTheBodyIsRead() throws IOException {
    // Spring itself looks at the first byte, to tell whether there is a body.
    String refused = begun("writer", 1 << 30, 1);
    assertTrue(refused.startsWith("HTTP/1.1 403 "), refused);
  }

  @Test
  void nothingIsReadBeyondTheBound() throws IOException {
    for (String user : List.of("admin", "manager")) {
      String refused = begun(user, 1 << 30, 10_001);
      assertTrue(refused.startsWith("HTTP/1.1 413 "), refused);
    }
  }

  /** The first line that answers a request of which so many bytes come, and no more. */
  private static String begun(String user, int length, int come) throws IOException {
    URI url = URI.create(host.http().url());
    try (Socket socket = new Socket(url.getHost(), url.getPort())) {
      socket.setSoTimeout(10_000);
      String head =
          "PATCH /armory/accounts HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
              + String.format("X-SPINNAKER-USER: %s\r\nContent-Length: %d\r\n\r\n", user, length);
      OutputStream sent = socket.getOutputStream();
      sent.write((head + " ".repeat(come)).getBytes(StandardCharsets.US_ASCII));
      sent.flush();
      return new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8))
          .readLine();
    }
  }

  @Test
  void aPolicyThatCannotTellLetsNobodyIn() {
    for (String target : List.of("/armory/accounts", "/armory/accounts/writable1")) {
      assertEquals(500, status("GET", target, as("lost")));
    }
    assertEquals(500, status("PATCH", "/armory/accounts", as("lost")));
  }

  private static int status(String method, String target, String... headers) {
    return method.equals("GET")
        ? host.http().get(target, headers).status
        : host.http().send(method, target, bodyOf(method), headers).status;
  }

  private static String bodyOf(String method) {
    return method.equals("DELETE") ? "[\"unknown\"]" : BODY;
  }

  private static List<String> listed(String query, String... headers) {
    List<String> names = new ArrayList<>();
    host.http()
        .get("/armory/accounts" + query, headers)
        .json()
        .path("items")
        .forEach(item -> names.add(item.path("name").asText()));
    return names;
  }

  private static String[] as(String user) {
    return new String[] {"X-SPINNAKER-USER", user};
  }
}
