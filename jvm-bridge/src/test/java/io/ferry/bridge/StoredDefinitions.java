package io.ferry.bridge;

import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import java.util.List;

/** A repository that notes each write in the given list, then fails if the test says so. */
class StoredDefinitions implements AccountDefinitionRepository {

  private final List<String> calls;
  RuntimeException failure;
  Error error;

  StoredDefinitions(List<String> calls) {
    this.calls = calls;
  }

  @Override
  public CredentialsDefinition getByName(String name) {
    return () -> name;
  }

  @Override
  public List<? extends CredentialsDefinition> listByType(
      String typeName, int limit, String startingAccountName) {
    return List.of();
  }

  @Override
  public List<? extends CredentialsDefinition> listByType(String typeName) {
    return List.of();
  }

  @Override
  public void create(CredentialsDefinition definition) {
    write("create " + definition.getName());
  }

  @Override
  public void save(CredentialsDefinition definition) {
    write("save " + definition.getName());
  }

  @Override
  public void update(CredentialsDefinition definition) {
    write("update " + definition.getName());
  }

  @Override
  public void delete(String name) {
    write("delete " + name);
  }

  @Override
  public List<Revision> revisionHistory(String name) {
    return List.of();
  }

  private void write(String call) {
    calls.add(call);
    if (failure != null) {
      throw failure;
    }
    if (error != null) {
      throw error;
    }
  }
}
