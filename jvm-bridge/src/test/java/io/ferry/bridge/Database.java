package io.ferry.bridge;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A private MariaDB, started once, with a schema for each host: Clouddriver's database.
 *
 * <p>Not SQLite: its driver brings a library of its own, and two of them in one process undo each
 * other's locks. The server ends when this JVM, which holds its standard input, does.
 */
final class Database {

  private static final String USER = "clouddriver_migrate";
  private static final String PASSWORD = "migrate-password";
  private static final AtomicInteger SCHEMAS = new AtomicInteger();
  private static String server;

  private Database() {}

  /** The properties that name a schema nobody else has. */
  static synchronized List<String> properties() {
    if (server == null) {
      server = serve();
    }
    String schema = "clouddriver_" + SCHEMAS.incrementAndGet();
    try (Connection connection = DriverManager.getConnection(server, USER, PASSWORD);
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE DATABASE " + schema);
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
    String pool = "--sql.connectionPools.default.";
    return List.of(
        pool + "jdbcUrl=" + server + schema,
        pool + "user=" + USER,
        pool + "password=" + PASSWORD);
  }

  private static String serve() {
    int port = PluginHost.freePort();
    String script = System.getProperty("ferry.databases");
    try {
      Process process =
          new ProcessBuilder(script, "mariadb", String.valueOf(port))
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      BufferedReader output =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
      if (output.readLine() == null) {
        throw new IllegalStateException(script + " did not start MariaDB");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return "jdbc:mariadb://127.0.0.1:" + port + "/";
  }
}
