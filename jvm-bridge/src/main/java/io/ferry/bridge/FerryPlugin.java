package io.ferry.bridge;

import com.netflix.spinnaker.clouddriver.security.AccountCredentialsProvider;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionMapper;
import com.netflix.spinnaker.clouddriver.security.AccountSecurityPolicy;
import com.netflix.spinnaker.kork.plugins.api.spring.PrivilegedSpringPlugin;
import java.util.function.Supplier;
import org.pf4j.PluginWrapper;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.support.BeanDefinitionBuilder;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.core.env.ConfigurableEnvironment;

/**
 * Where Clouddriver's plugin loader enters: adds Ferry's beans to Clouddriver's.
 *
 * <p>All are made by suppliers and take what they need of Clouddriver when they first use it, so
 * that no bean of Clouddriver's is made earlier, or with other processors, than without the plugin.
 */
public class FerryPlugin extends PrivilegedSpringPlugin {

  private static final Logger log = LoggerFactory.getLogger(FerryPlugin.class);
  private static final long RETRY_MILLIS = 15_000;
  private static final long METERS_MILLIS = 15_000;

  private final PluginWrapper wrapper;

  public FerryPlugin(PluginWrapper wrapper) {
    super(wrapper);
    this.wrapper = wrapper;
  }

  @Override
  public void registerBeanDefinitions(BeanDefinitionRegistry registry) {
    BeanFactory beans = (BeanFactory) registry;
    ConfigurableEnvironment environment = beans.getBean(ConfigurableEnvironment.class);
    SpringProperties properties = new SpringProperties(environment);
    Rival rival = new Rival(wrapper.getPluginManager(), environment, registry);
    CoreBean core =
        new CoreBean(() -> start(rival, properties), properties::required, RETRY_MILLIS);

    register(registry, "ferryCore", CoreBean.class, () -> core);
    register(
        registry,
        "ferryRepositoryInterceptor",
        RepositoryInterceptor.class,
        () ->
            new RepositoryInterceptor(
                core, properties::strict, () -> beans.getBean(AccountDefinitionMapper.class)));
    register(registry, "ferryNotJournaled", NotJournaledAdvice.class, NotJournaledAdvice::new);
    register(
        registry,
        "ferryAccountsController",
        AccountsController.class,
        () ->
            new AccountsController(
                core,
                () -> beans.getBean("accountSecurity", AccountSecurityPolicy.class),
                name ->
                    beans.getBean(AccountCredentialsProvider.class).getCredentials(name) != null));
    register(
        registry, "ferryMeters", FerryMeters.class, () -> new FerryMeters(core, METERS_MILLIS));
    // Spring Boot's own switch for an indicator, by which it can be left out of /health.
    if (environment.getProperty("management.health.ferry.enabled", Boolean.class, true)) {
      register(registry, "ferryHealthIndicator", FerryHealth.class, () -> new FerryHealth(core, properties::required));
    }
  }

  private Core start(Rival rival, SpringProperties properties) {
    rival.refuse();
    NativeLibrary.load(properties.nativeLibrary());
    JniCore core = JniCore.start(properties.json());
    log.info(
        "Ferry {} runs; agents connect to {}",
        wrapper.getDescriptor().getVersion(),
        core.grpcAddress());
    return core;
  }

  private static <T> void register(
      BeanDefinitionRegistry registry, String name, Class<T> type, Supplier<T> supplier) {
    registry.registerBeanDefinition(
        name,
        BeanDefinitionBuilder.genericBeanDefinition(type, supplier)
            .setLazyInit(false)
            .getBeanDefinition());
  }
}
