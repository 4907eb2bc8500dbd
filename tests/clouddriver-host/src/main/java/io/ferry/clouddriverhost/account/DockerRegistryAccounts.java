package io.ferry.clouddriverhost.account;

import com.netflix.spinnaker.credentials.CredentialsRepository;
import com.netflix.spinnaker.credentials.MapBackedCredentialsRepository;
import com.netflix.spinnaker.credentials.NoopCredentialsLifecycleHandler;
import com.netflix.spinnaker.credentials.definition.AbstractCredentialsLoader;
import com.netflix.spinnaker.credentials.definition.BasicCredentialsLoader;
import com.netflix.spinnaker.fiat.model.resources.Permissions;
import java.util.List;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/** Loads accounts of type dockerRegistry, so that a test can show that Ferry leaves them alone. */
@Configuration(proxyBeanMethods = false)
@Import(DefinitionSources.class)
public class DockerRegistryAccounts {

  private static final String TYPE = "dockerRegistry";

  @Bean
  CredentialsRepository<LoadedAccount<DockerRegistryAccountDefinition>>
      dockerRegistryCredentialsRepository() {
    return new MapBackedCredentialsRepository<>(TYPE, new NoopCredentialsLifecycleHandler<>());
  }

  @Bean
  AbstractCredentialsLoader<LoadedAccount<DockerRegistryAccountDefinition>>
      dockerRegistryCredentialsLoader(
          DefinitionSources sources,
          CredentialsRepository<LoadedAccount<DockerRegistryAccountDefinition>> repository) {
    return new BasicCredentialsLoader<>(
        sources.of(DockerRegistryAccountDefinition.class, TYPE),
        account ->
            new LoadedAccount<>(
                TYPE,
                account,
                account.environment,
                account.accountType,
                List.of(),
                Permissions.EMPTY),
        repository);
  }
}
