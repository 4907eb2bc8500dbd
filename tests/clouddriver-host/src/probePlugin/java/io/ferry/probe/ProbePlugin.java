package io.ferry.probe;

import com.netflix.spinnaker.kork.plugins.api.spring.PrivilegedSpringPlugin;
import org.pf4j.PluginWrapper;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.support.BeanDefinitionBuilder;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.core.env.Environment;

/**
 * The least a plugin can be that sees account writes and serves a path; only tests load it.
 *
 * <p>With {@code probe.policy} one of its own takes the place of Clouddriver's account policy:
 * {@code read-only} or {@code roles}.
 */
public class ProbePlugin extends PrivilegedSpringPlugin {

  public ProbePlugin(PluginWrapper wrapper) {
    super(wrapper);
  }

  @Override
  public void registerBeanDefinitions(BeanDefinitionRegistry registry) {
    register(registry, "probe.writes", WriteProbe.class);
    register(registry, "probe.controller", ProbeController.class);
    Environment environment = ((BeanFactory) registry).getBean(Environment.class);
    String policy = environment.getProperty("probe.policy");
    if (policy != null) {
      registry.removeBeanDefinition("accountSecurity");
      register(
          registry,
          "accountSecurity",
          policy.equals("roles") ? RolesPolicy.class : ReadOnlyPolicy.class);
    }
  }

  private static void register(BeanDefinitionRegistry registry, String name, Class<?> type) {
    registry.registerBeanDefinition(
        name, BeanDefinitionBuilder.genericBeanDefinition(type).getBeanDefinition());
  }
}
