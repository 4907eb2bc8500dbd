package io.ferry.clouddriverhost.sql;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionMapper;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionTypes;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import com.netflix.spinnaker.kork.web.exceptions.NotFoundException;
import com.netflix.spinnaker.security.AuthenticatedRequest;
import java.time.Clock;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import javax.annotation.Nullable;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.dao.DataAccessException;
import org.springframework.dao.TransientDataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.jdbc.support.SQLExceptionSubclassTranslator;
import org.springframework.transaction.support.TransactionTemplate;

/**
 * Clouddriver's tables accounts and accounts_history, ours, behind its real repository interface.
 *
 * <p>Every write puts one row into the history in the same transaction. The row of the account is
 * written first: its lock orders the writers of one account, so that none loses its version number.
 */
class SqlAccountDefinitionRepository implements AccountDefinitionRepository {

  private static final Logger log = LoggerFactory.getLogger(SqlAccountDefinitionRepository.class);
  private static final int ATTEMPTS = 5;

  private final JdbcTemplate jdbc;
  private final TransactionTemplate transaction;
  private final Dialect dialect;
  private final AccountDefinitionMapper mapper;
  private final Clock clock;

  SqlAccountDefinitionRepository(
      DataSource dataSource, Dialect dialect, AccountDefinitionMapper mapper, Clock clock) {
    this.jdbc = new JdbcTemplate(dataSource);
    this.jdbc.setExceptionTranslator(new SQLExceptionSubclassTranslator());
    this.transaction = new TransactionTemplate(new DataSourceTransactionManager(dataSource));
    this.dialect = dialect;
    this.mapper = mapper;
    this.clock = clock;
  }

  @Override
  @Nullable
  public CredentialsDefinition getByName(String name) {
    return jdbc.queryForList("SELECT body FROM accounts WHERE id = ?", String.class, name).stream()
        .map(this::parse)
        .findFirst()
        .orElse(null);
  }

  @Override
  public List<? extends CredentialsDefinition> listByType(
      String typeName, int limit, @Nullable String startingAccountName) {
    return parseEach(
        jdbc.queryForList(
            "SELECT body FROM accounts WHERE type = ? AND id >= ? ORDER BY id LIMIT ?",
            String.class,
            typeName,
            startingAccountName == null ? "" : startingAccountName,
            limit));
  }

  @Override
  public List<? extends CredentialsDefinition> listByType(String typeName) {
    return parseEach(
        jdbc.queryForList("SELECT body FROM accounts WHERE type = ?", String.class, typeName));
  }

  @Override
  public void create(CredentialsDefinition definition) {
    write("create", definition, row -> jdbc.update(insert(), row.insertArguments()));
  }

  @Override
  public void save(CredentialsDefinition definition) {
    String upsert =
        String.format(
            "%s %s body = %s, last_modified_at = ?, last_modified_by = ?",
            insert(), dialect.onExistingId, dialect.jsonParameter);
    write("save", definition, row -> jdbc.update(upsert, row.upsertArguments()));
  }

  @Override
  public void update(CredentialsDefinition definition) {
    String update =
        String.format(
            "UPDATE accounts SET body = %s, last_modified_at = ?, last_modified_by = ?"
                + " WHERE id = ?",
            dialect.jsonParameter);
    write(
        "update",
        definition,
        row -> {
          if (jdbc.update(update, row.body, row.now, row.user, row.name) == 0) {
            throw new NotFoundException("No account found with name " + row.name);
          }
        });
  }

  @Override
  public void delete(String name) {
    try {
      inTransaction(
          () -> {
            if (jdbc.update("DELETE FROM accounts WHERE id = ?", name) == 0) {
              throw new NotFoundException("No account found with name " + name);
            }
            addRevision(name, null, null, clock.millis());
          });
    } catch (DataAccessException e) {
      throw new SqlAccountDefinitionException("Cannot delete account with name " + name, e);
    }
  }

  @Override
  public List<Revision> revisionHistory(String name) {
    return jdbc.query(
        "SELECT version, last_modified_at, body FROM accounts_history"
            + " WHERE id = ? ORDER BY version DESC",
        (row, number) -> {
          String body = row.getString("body");
          return new Revision(
              row.getInt("version"),
              row.getLong("last_modified_at"),
              body == null ? null : parse(body));
        },
        name);
  }

  private void write(String verb, CredentialsDefinition definition, AccountWrite accountWrite) {
    Row row = new Row(definition);
    try {
      inTransaction(
          () -> {
            accountWrite.apply(row);
            addRevision(row.name, row.type, row.body, row.now);
          });
    } catch (DataAccessException e) {
      throw new SqlAccountDefinitionException(
          String.format("Cannot %s account with definition %s", verb, row.body), e);
    }
  }

  /** Deadlocks and serialization failures are tried again, as Clouddriver does. */
  private void inTransaction(Runnable work) {
    for (int attempt = 1; ; attempt++) {
      try {
        transaction.executeWithoutResult(status -> work.run());
        return;
      } catch (TransientDataAccessException e) {
        if (attempt == ATTEMPTS) {
          throw e;
        }
        log.info("Attempt {} of {} failed, trying again", attempt, ATTEMPTS, e);
      }
    }
  }

  private void addRevision(
      String name, @Nullable String type, @Nullable String body, long timestamp) {
    jdbc.update(
        String.format(
            "INSERT INTO accounts_history (id, type, body, last_modified_at, is_deleted, version)"
                + " VALUES (?, ?, %s, ?, ?,"
                + " (SELECT latest + 1 FROM"
                + " (SELECT COUNT(version) AS latest FROM accounts_history WHERE id = ?) AS h))",
            dialect.jsonParameter),
        name,
        type,
        body,
        timestamp,
        body == null,
        name);
  }

  private String insert() {
    return String.format(
        "INSERT INTO accounts"
            + " (id, type, body, created_at, last_modified_at, last_modified_by)"
            + " VALUES (?, ?, %s, ?, ?, ?)",
        dialect.jsonParameter);
  }

  private List<CredentialsDefinition> parseEach(List<String> bodies) {
    return bodies.stream()
        .map(this::parseOrSkip)
        .filter(Objects::nonNull)
        .collect(Collectors.toList());
  }

  /** A definition that cannot be read, or whose secret cannot, is left out; it fails no other. */
  @Nullable
  private CredentialsDefinition parseOrSkip(String body) {
    try {
      return parse(body);
    } catch (RuntimeException e) {
      log.warn("Skipping an account definition that cannot be loaded", e);
      return null;
    }
  }

  private CredentialsDefinition parse(String body) {
    try {
      return mapper.deserialize(body);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("Stored account definition is not valid", e);
    }
  }

  /** What happens to the table accounts, before the revision is added. */
  private interface AccountWrite {
    void apply(Row row);
  }

  /** One definition as the columns of the table accounts. */
  private final class Row {
    final String name;
    final String type;
    final String body;
    final long now = clock.millis();
    final String user = AuthenticatedRequest.getSpinnakerUser().orElse("anonymous");

    Row(CredentialsDefinition definition) {
      name = definition.getName();
      type = AccountDefinitionTypes.getCredentialsTypeName(definition.getClass());
      if (type == null) {
        throw new IllegalArgumentException("No account type on " + definition.getClass());
      }
      try {
        body = mapper.serialize(definition);
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException("Account definition cannot be written as JSON", e);
      }
    }

    Object[] insertArguments() {
      return new Object[] {name, type, body, now, now, user};
    }

    Object[] upsertArguments() {
      return new Object[] {name, type, body, now, now, user, body, now, user};
    }
  }
}
