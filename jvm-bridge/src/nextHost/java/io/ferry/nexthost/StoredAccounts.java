package io.ferry.nexthost;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import org.springframework.core.env.Environment;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RestController;

/** The least of /credentials, over a table that has the least of Clouddriver's. */
@RestController
@RequestMapping("/credentials")
class StoredAccounts {

  private final AccountDefinitionRepository repository;

  StoredAccounts(AccountDefinitionRepository repository) {
    this.repository = repository;
  }

  @PostMapping
  public Account create(@RequestBody Account account) {
    repository.create(account);
    return account;
  }

  @DeleteMapping("/{name}")
  public void delete(@PathVariable String name) {
    repository.delete(name);
  }

  static final class Account implements CredentialsDefinition {
    public String type;
    public String name;
    public String kubeconfigContents;

    @Override
    public String getName() {
      return name;
    }
  }

  /** The table accounts, as far as a plugin sees it: each call a connection of its own. */
  static final class Table implements AccountDefinitionRepository {
    private final Environment environment;
    private final ObjectMapper mapper;

    Table(Environment environment, ObjectMapper mapper) {
      this.environment = environment;
      this.mapper = mapper;
      run("CREATE TABLE accounts (id VARCHAR(255) PRIMARY KEY, type VARCHAR(50), body LONGTEXT)");
    }

    @Override
    public CredentialsDefinition getByName(String name) {
      throw new UnsupportedOperationException();
    }

    @Override
    public List<? extends CredentialsDefinition> listByType(String type, int limit, String from) {
      throw new UnsupportedOperationException();
    }

    @Override
    public List<? extends CredentialsDefinition> listByType(String type) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void create(CredentialsDefinition definition) {
      try {
        run(
            "INSERT INTO accounts VALUES (?, 'kubernetes', ?)",
            definition.getName(),
            mapper.writeValueAsString(definition));
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException(e);
      }
    }

    @Override
    public void save(CredentialsDefinition definition) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void update(CredentialsDefinition definition) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void delete(String name) {
      run("DELETE FROM accounts WHERE id = ?", name);
    }

    @Override
    public List<Revision> revisionHistory(String name) {
      throw new UnsupportedOperationException();
    }

    private void run(String sql, String... values) {
      try (Connection connection =
              DriverManager.getConnection(pool("jdbcUrl"), pool("user"), pool("password"));
          PreparedStatement statement = connection.prepareStatement(sql)) {
        for (int i = 0; i < values.length; i++) {
          statement.setString(i + 1, values[i]);
        }
        statement.execute();
      } catch (SQLException e) {
        throw new IllegalStateException(e);
      }
    }

    private String pool(String property) {
      return environment.getRequiredProperty("sql.connectionPools.default." + property);
    }
  }
}
