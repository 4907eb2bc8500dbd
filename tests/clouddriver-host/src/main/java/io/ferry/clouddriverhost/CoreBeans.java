package io.ferry.clouddriverhost;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.Module;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.joda.JodaModule;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import com.fasterxml.jackson.module.kotlin.KotlinModule;
import com.netflix.spinnaker.clouddriver.jackson.ClouddriverApiModule;
import com.netflix.spinnaker.clouddriver.security.AccountCredentials;
import com.netflix.spinnaker.clouddriver.security.AccountCredentialsProvider;
import com.netflix.spinnaker.clouddriver.security.AccountCredentialsRepository;
import com.netflix.spinnaker.clouddriver.security.DefaultAccountCredentialsProvider;
import com.netflix.spinnaker.clouddriver.security.MapBackedAccountCredentialsRepository;
import com.netflix.spinnaker.credentials.CompositeCredentialsRepository;
import com.netflix.spinnaker.credentials.Credentials;
import com.netflix.spinnaker.credentials.CredentialsRepository;
import com.netflix.spinnaker.credentials.definition.CredentialsLoader;
import com.netflix.spinnaker.credentials.poller.PollerConfiguration;
import com.netflix.spinnaker.credentials.poller.PollerConfigurationProperties;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.autoconfigure.jackson.Jackson2ObjectMapperBuilderCustomizer;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;

/**
 * The beans that account management takes from Clouddriver's own core configuration.
 *
 * <p>That configuration is not public and brings caches, searches and orchestration along, so the
 * few needed here are made anew, from the same real classes and under the same names.
 */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(PollerConfigurationProperties.class)
class CoreBeans {

  @Bean
  Clock clock() {
    return Clock.systemDefaultZone();
  }

  /** The JSON of every endpoint: nulls left out, unknown fields accepted. */
  @Bean
  Jackson2ObjectMapperBuilderCustomizer defaultObjectMapperCustomizer(List<Module> beans) {
    return builder -> {
      List<Module> modules = new ArrayList<>(beans);
      modules.add(new Jdk8Module());
      modules.add(new JavaTimeModule());
      modules.add(new JodaModule());
      modules.add(new KotlinModule.Builder().build());
      modules.add(new ClouddriverApiModule());
      builder
          .serializationInclusion(JsonInclude.Include.NON_NULL)
          .failOnEmptyBeans(false)
          .failOnUnknownProperties(false)
          .modules(modules);
    };
  }

  @Bean
  AccountCredentialsRepository accountCredentialsRepository() {
    return new MapBackedAccountCredentialsRepository();
  }

  @Bean
  CompositeCredentialsRepository<AccountCredentials<?>> compositeCredentialsRepository(
      List<CredentialsRepository<? extends AccountCredentials<?>>> repositories) {
    return new CompositeCredentialsRepository<>(repositories);
  }

  @Bean
  AccountCredentialsProvider accountCredentialsProvider(
      AccountCredentialsRepository repository,
      CompositeCredentialsRepository<AccountCredentials<?>> composite) {
    return new DefaultAccountCredentialsProvider(repository, composite);
  }

  /** Reloads each type of account at its configured interval; by default it does nothing. */
  @Bean
  PollerConfiguration pollerConfiguration(
      ObjectProvider<CredentialsLoader<? extends Credentials>> loaders,
      PollerConfigurationProperties properties) {
    return new PollerConfiguration(properties, loaders);
  }

  @Bean
  ThreadPoolTaskScheduler threadPoolTaskScheduler(
      @Value("${scheduling-thread-pool-size:5}") int threads) {
    ThreadPoolTaskScheduler scheduler = new ThreadPoolTaskScheduler();
    scheduler.setPoolSize(threads);
    scheduler.setThreadNamePrefix("ThreadPoolTaskScheduler");
    return scheduler;
  }
}
