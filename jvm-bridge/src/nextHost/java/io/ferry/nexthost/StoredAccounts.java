package io.ferry.nexthost;

import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.stream.Collectors;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** The least of /credentials, over a repository in memory. */
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

  @GetMapping("/type/{type}")
  public List<? extends CredentialsDefinition> list(
      @PathVariable String type,
      @RequestParam(defaultValue = "100") int limit,
      @RequestParam(defaultValue = "") String startingAccountName) {
    return repository.listByType(type, limit, startingAccountName);
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

  static final class InMemory implements AccountDefinitionRepository {
    private final ConcurrentSkipListMap<String, CredentialsDefinition> accounts =
        new ConcurrentSkipListMap<>();

    @Override
    public CredentialsDefinition getByName(String name) {
      return accounts.get(name);
    }

    @Override
    public List<? extends CredentialsDefinition> listByType(String type, int limit, String from) {
      return accounts.tailMap(from).values().stream().limit(limit).collect(Collectors.toList());
    }

    @Override
    public List<? extends CredentialsDefinition> listByType(String type) {
      return List.copyOf(accounts.values());
    }

    @Override
    public void create(CredentialsDefinition definition) {
      accounts.put(definition.getName(), definition);
    }

    @Override
    public void save(CredentialsDefinition definition) {
      create(definition);
    }

    @Override
    public void update(CredentialsDefinition definition) {
      create(definition);
    }

    @Override
    public void delete(String name) {
      accounts.remove(name);
    }

    @Override
    public List<Revision> revisionHistory(String name) {
      return List.of();
    }
  }
}
