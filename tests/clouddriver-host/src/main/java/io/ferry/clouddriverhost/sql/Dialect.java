package io.ferry.clouddriverhost.sql;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Locale;
import javax.sql.DataSource;

/**
 * Where the databases differ: the type of a JSON column, how JSON text is bound to it, and how an
 * insert becomes an update. Everything else is the same SQL for all of them.
 */
enum Dialect {
  SQLITE("text", "?", "ON CONFLICT (id) DO UPDATE SET"),
  POSTGRESQL("json", "CAST(? AS json)", "ON CONFLICT (id) DO UPDATE SET"),
  MYSQL("json", "?", "ON DUPLICATE KEY UPDATE");

  /** What stands for a JSON value in a statement. */
  final String jsonParameter;

  /** What an INSERT INTO accounts ends with, before the assignments, to update an existing row. */
  final String onExistingId;

  private final String jsonType;

  Dialect(String jsonType, String jsonParameter, String onExistingId) {
    this.jsonType = jsonType;
    this.jsonParameter = jsonParameter;
    this.onExistingId = onExistingId;
  }

  static Dialect of(DataSource dataSource) {
    try (Connection connection = dataSource.getConnection()) {
      String product = connection.getMetaData().getDatabaseProductName().toLowerCase(Locale.ROOT);
      switch (product) {
        case "sqlite":
          return SQLITE;
        case "postgresql":
          return POSTGRESQL;
        case "mysql":
        case "mariadb":
          return MYSQL;
        default:
          throw new IllegalStateException("No dialect for database " + product);
      }
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot reach the database", e);
    }
  }

  /** Clouddriver's own two tables, as its migrations make them. */
  void createTables(DataSource dataSource) {
    try (Connection connection = dataSource.getConnection();
        Statement statement = connection.createStatement()) {
      for (String table : tables()) {
        statement.execute("CREATE TABLE IF NOT EXISTS " + table);
      }
    } catch (SQLException e) {
      throw new IllegalStateException("Cannot create the account tables", e);
    }
  }

  private List<String> tables() {
    return List.of(
        "accounts ("
            + "id varchar(255) NOT NULL PRIMARY KEY, "
            + "type varchar(50) NOT NULL, "
            + ("body " + jsonType + " NOT NULL, ")
            + "created_at bigint NOT NULL, "
            + "last_modified_at bigint NOT NULL, "
            + "last_modified_by varchar(255) NOT NULL)",
        "accounts_history ("
            + "id varchar(255) NOT NULL, "
            + "type varchar(50), "
            + ("body " + jsonType + ", ")
            + "last_modified_at bigint NOT NULL, "
            + "version int NOT NULL, "
            + "is_deleted boolean NOT NULL DEFAULT false, "
            + "PRIMARY KEY (id, version))");
  }
}
