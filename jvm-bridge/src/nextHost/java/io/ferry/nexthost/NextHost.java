package io.ferry.nexthost;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionMapper;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.clouddriver.security.AccountSecurityPolicy;
import com.netflix.spinnaker.clouddriver.security.AllowAllAccountSecurityPolicy;
import com.netflix.spinnaker.kork.plugins.api.spring.PrivilegedSpringPlugin;
import java.nio.file.Path;
import java.util.Map;
import org.pf4j.DefaultPluginManager;
import org.pf4j.PluginManager;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.beans.factory.support.BeanDefinitionRegistryPostProcessor;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.core.env.Environment;

/**
 * The next generation below a plugin: Spring Boot 3, Spring 6, PF4J 3.14, jakarta; for one test.
 *
 * <p>Clouddriver and kork of that generation are not published, so the few of their classes that a
 * plugin meets are those of the generation before. It prints its URL, and ends with its standard
 * input.
 */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration(
    excludeName = {
      "com.netflix.spinnaker.kork.PlatformComponents",
      "com.netflix.spinnaker.kork.secrets.SecretConfiguration"
    })
@Import(StoredAccounts.class)
public class NextHost {

  public static void main(String[] arguments) throws Exception {
    SpringApplication application = new SpringApplication(NextHost.class);
    application.setDefaultProperties(
        Map.of(
            "management.endpoints.web.base-path", "/",
            "management.endpoint.health.show-details", "always",
            "spring.main.banner-mode", "off"));
    try (ConfigurableApplicationContext context = application.run(arguments)) {
      System.out.println("url " + context.getEnvironment().getProperty("server.port"));
      while (System.in.read() >= 0) {}
    }
  }

  /** Loads and starts plugins, then lets them add beans, as kork does. */
  @Bean
  static BeanDefinitionRegistryPostProcessor plugins() {
    PluginManager manager = new DefaultPluginManager(Path.of(System.getProperty("plugins")));
    return new BeanDefinitionRegistryPostProcessor() {
      @Override
      public void postProcessBeanDefinitionRegistry(BeanDefinitionRegistry registry) {
        manager.loadPlugins();
        manager.startPlugins();
        manager
            .getStartedPlugins()
            .forEach(
                wrapper ->
                    ((PrivilegedSpringPlugin) wrapper.getPlugin())
                        .registerBeanDefinitions(registry));
      }

      @Override
      public void postProcessBeanFactory(ConfigurableListableBeanFactory beans) {}
    };
  }

  @Bean
  AccountSecurityPolicy accountSecurity() {
    return new AllowAllAccountSecurityPolicy();
  }

  @Bean
  AccountDefinitionMapper accountDefinitionMapper(ObjectMapper mapper) {
    return new AccountDefinitionMapper(mapper, null, null);
  }

  @Bean
  AccountDefinitionRepository accountDefinitionRepository(
      ObjectMapper mapper, Environment environment) {
    return new StoredAccounts.Table(environment, mapper);
  }
}
