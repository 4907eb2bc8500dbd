package io.ferry.clouddriverhost.sql;

import com.netflix.spinnaker.clouddriver.security.AccountDefinitionMapper;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import javax.sql.DataSource;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;
import org.springframework.jdbc.datasource.DriverManagerDataSource;

/**
 * The database, found where Clouddriver finds it: {@code sql.connectionPools.default.*} with
 * jdbcUrl, user, password, maxPoolSize and connectionTimeoutMs; {@code sql.migration.*} with the
 * first three names who makes the tables, if that is somebody else.
 *
 * <p>With no jdbcUrl it is a SQLite file, clouddriver.db, in {@code host.data-dir}, where the next
 * start finds it again.
 */
@Configuration(proxyBeanMethods = false)
public class SqlConfiguration {

  private static final String POOL = "sql.connection-pools.default.";
  private static final String MIGRATION = "sql.migration.";

  @Bean(destroyMethod = "close")
  HikariDataSource dataSource(Environment environment) throws IOException {
    HikariConfig pool = new HikariConfig();
    pool.setPoolName("default");
    String jdbcUrl = environment.getProperty(POOL + "jdbc-url");
    pool.setJdbcUrl(jdbcUrl != null ? jdbcUrl : sqliteUrl(environment));
    pool.setUsername(environment.getProperty(POOL + "user"));
    pool.setPassword(environment.getProperty(POOL + "password"));
    pool.setMaximumPoolSize(environment.getProperty(POOL + "max-pool-size", Integer.class, 20));
    pool.setMinimumIdle(1);
    pool.setConnectionTimeout(
        environment.getProperty(POOL + "connection-timeout-ms", Long.class, 5000L));
    return new HikariDataSource(pool);
  }

  @Bean
  @ConditionalOnProperty("account.storage.enabled")
  AccountDefinitionRepository accountDefinitionRepository(
      DataSource dataSource, AccountDefinitionMapper mapper, Clock clock, Environment environment) {
    Dialect dialect = Dialect.of(dataSource);
    dialect.createTables(migrating(environment, dataSource));
    return new SqlAccountDefinitionRepository(dataSource, dialect, mapper, clock);
  }

  private static DataSource migrating(Environment environment, DataSource otherwise) {
    String jdbcUrl = environment.getProperty(MIGRATION + "jdbc-url");
    if (jdbcUrl == null) {
      return otherwise;
    }
    String user = environment.getProperty(MIGRATION + "user");
    return new DriverManagerDataSource(
        jdbcUrl, user, environment.getProperty(MIGRATION + "password"));
  }

  /** A writer takes its lock when the transaction begins and waits for the one before it. */
  private static String sqliteUrl(Environment environment) throws IOException {
    Path directory =
        Files.createDirectories(Path.of(environment.getRequiredProperty("host.data-dir")));
    return "jdbc:sqlite:"
        + directory.resolve("clouddriver.db").toAbsolutePath()
        + "?journal_mode=WAL&synchronous=NORMAL&busy_timeout=10000&transaction_mode=IMMEDIATE";
  }
}
