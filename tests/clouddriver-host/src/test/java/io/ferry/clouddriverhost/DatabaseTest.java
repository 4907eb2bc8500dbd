package io.ferry.clouddriverhost;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ferry.clouddriverhost.Http.Reply;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the host leaves in the database, on each kind of database there is to test with: a SQLite
 * file always, and those that the environment variable CLOUDDRIVER_HOST_TEST_DATABASES lists, as
 * {@code jdbc:mariadb://host:port/name?user=U&password=P}. Their account tables are dropped first.
 */
class DatabaseTest {

  @TempDir static Path directory;

  static Stream<String> databases() {
    String others = System.getenv("CLOUDDRIVER_HOST_TEST_DATABASES");
    return Stream.concat(
        Stream.of("jdbc:sqlite:" + directory.resolve("clouddriver.db")),
        others == null ? Stream.empty() : Arrays.stream(others.trim().split("\\s+")));
  }

  @ParameterizedTest
  @MethodSource("databases")
  void theRowNamesItsUserAndTheHistoryItsVersions(String url) throws SQLException {
    dropTables(url);
    try (HostProcess host = start(url)) {
      Http http = host.http();
      http.post("/credentials", Accounts.kubernetes("acc1"), "X-SPINNAKER-USER", "ada");
      assertEquals(List.of("acc1|kubernetes|ada|true"), accounts(url));
      http.put("/credentials", Accounts.kubernetes("acc1", "two"));
      assertEquals(List.of("acc1|kubernetes|anonymous|false"), accounts(url));
      assertTrue(
          query(url, "SELECT body FROM accounts").get(0).contains("\"context\""),
          "the body is the JSON text");
      http.delete("/credentials/acc1");
      assertEquals(List.of(), accounts(url));
      assertEquals(
          List.of("1|kubernetes|false|true", "2|kubernetes|false|true", "3|null|true|false"),
          history(url));
    }
  }

  @ParameterizedTest
  @MethodSource("databases")
  void aRestartLoadsWhatWasStored(String url) throws SQLException {
    dropTables(url);
    try (HostProcess host = start(url)) {
      host.http().post("/credentials", Accounts.kubernetes("kept"));
      host.http().post("/credentials", Accounts.dockerRegistry("hub"));
    }
    try (HostProcess host = start(url)) {
      Http http = host.http();
      assertEquals(200, http.get("/credentials/kept").status);
      assertEquals("dockerRegistry", http.get("/credentials/hub").json().path("type").asText());
      assertEquals(400, http.post("/credentials", Accounts.kubernetes("kept")).status);
      assertEquals(200, http.put("/credentials/kept", Accounts.kubernetes("kept", "b")).status);

      http.delete("/credentials/kept");
      assertEquals(200, http.get("/credentials/kept").status, "loaded until a poll");
      Reply update = http.put("/credentials/kept", Accounts.kubernetes("kept"));
      assertEquals(404, update.status, update::toString);
      assertEquals("No account found with name kept", update.message());
    }
  }

  @ParameterizedTest
  @MethodSource("databases")
  void parallelRequestsLoseNoWrite(String url) throws Exception {
    dropTables(url);
    try (HostProcess host = start(url)) {
      Http http = host.http();
      List<Callable<Reply>> same = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        String body = Accounts.kubernetes("same", "context" + i);
        same.add(() -> http.put("/credentials", body));
      }
      allAnswer200(same, 12);
      assertEquals(12, http.get("/credentials/same/history").json().size());

      List<Callable<Reply>> mixed = new ArrayList<>();
      for (int i = 0; i < 96; i++) {
        String name = "many-" + i % 32;
        String body = Accounts.kubernetes(name, "context" + i);
        mixed.add(() -> http.put("/credentials", body));
      }
      allAnswer200(mixed, 32);
      assertEquals(33, accounts(url).size());
      for (int i = 0; i < 32; i++) {
        assertEquals(3, http.get("/credentials/many-" + i + "/history").json().size());
      }

      List<Callable<Reply>> deletes = new ArrayList<>();
      for (int i = 0; i < 32; i++) {
        String path = "/credentials/many-" + i;
        deletes.add(() -> http.delete(path));
      }
      allAnswer200(deletes, 32);
      assertEquals(1, accounts(url).size());
    }
  }

  private static HostProcess start(String url) {
    if (url.startsWith("jdbc:sqlite:")) {
      return HostProcess.start("--host.data-dir=" + directory);
    }
    String[] parts = url.split("[?&]");
    List<String> arguments = new ArrayList<>(List.of("jdbcUrl=" + parts[0]));
    arguments.addAll(Arrays.asList(parts).subList(1, parts.length));
    return HostProcess.start(
        arguments.stream()
            .map(argument -> "--sql.connectionPools.default." + argument)
            .toArray(String[]::new));
  }

  private static void allAnswer200(List<Callable<Reply>> requests, int threads) throws Exception {
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try {
      for (Future<Reply> reply : executor.invokeAll(requests)) {
        assertEquals(200, reply.get().status, reply.get()::toString);
      }
    } finally {
      executor.shutdownNow();
    }
  }

  private static List<String> accounts(String url) throws SQLException {
    return query(
        url, "SELECT id, type, last_modified_by, created_at = last_modified_at FROM accounts");
  }

  private static List<String> history(String url) throws SQLException {
    return query(
        url,
        "SELECT version, type, is_deleted = true, body IS NOT NULL"
            + " FROM accounts_history WHERE id = 'acc1' ORDER BY version");
  }

  /** Rows as text, columns parted by a bar. Beyond the second, 0 and 1 are booleans. */
  private static List<String> query(String url, String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection(url);
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      List<String> found = new ArrayList<>();
      while (rows.next()) {
        List<String> columns = new ArrayList<>();
        for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
          columns.add(i > 2 ? truth(rows.getString(i)) : String.valueOf(rows.getString(i)));
        }
        found.add(String.join("|", columns));
      }
      return found;
    }
  }

  private static String truth(String column) {
    switch (column) {
      case "0":
      case "f":
        return "false";
      case "1":
      case "t":
        return "true";
      default:
        return column;
    }
  }

  private static void dropTables(String url) throws SQLException {
    try (Connection connection = DriverManager.getConnection(url);
        Statement statement = connection.createStatement()) {
      statement.execute("DROP TABLE IF EXISTS accounts");
      statement.execute("DROP TABLE IF EXISTS accounts_history");
    }
  }
}
