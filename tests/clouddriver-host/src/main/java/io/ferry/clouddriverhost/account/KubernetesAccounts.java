package io.ferry.clouddriverhost.account;

import com.netflix.spinnaker.credentials.CredentialsRepository;
import com.netflix.spinnaker.credentials.MapBackedCredentialsRepository;
import com.netflix.spinnaker.credentials.NoopCredentialsLifecycleHandler;
import com.netflix.spinnaker.credentials.definition.AbstractCredentialsLoader;
import com.netflix.spinnaker.credentials.definition.BasicCredentialsLoader;
import com.netflix.spinnaker.credentials.definition.CredentialsParser;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;

/**
 * Loads accounts of type kubernetes by the real loader: once at start, then at every poll.
 *
 * <p>The parser is where Clouddriver would write the kubeconfig to a file and run kubectl.
 */
@Configuration(proxyBeanMethods = false)
@Import(DefinitionSources.class)
public class KubernetesAccounts {

  private static final String TYPE = "kubernetes";

  @Bean
  CredentialsRepository<LoadedAccount<KubernetesAccountDefinition>>
      kubernetesCredentialsRepository() {
    return new MapBackedCredentialsRepository<>(TYPE, new NoopCredentialsLifecycleHandler<>());
  }

  @Bean
  CredentialsParser<KubernetesAccountDefinition, LoadedAccount<KubernetesAccountDefinition>>
      kubernetesCredentialsParser() {
    return account ->
        new LoadedAccount<>(
            TYPE,
            account,
            account.environment,
            account.accountType,
            account.requiredGroupMembership,
            account.permissions.build());
  }

  @Bean
  AbstractCredentialsLoader<LoadedAccount<KubernetesAccountDefinition>> kubernetesCredentialsLoader(
      DefinitionSources sources,
      CredentialsParser<KubernetesAccountDefinition, LoadedAccount<KubernetesAccountDefinition>>
          parser,
      CredentialsRepository<LoadedAccount<KubernetesAccountDefinition>> repository) {
    return new BasicCredentialsLoader<>(
        sources.of(KubernetesAccountDefinition.class, TYPE), parser, repository);
  }
}
