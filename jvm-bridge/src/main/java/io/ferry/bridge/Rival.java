package io.ferry.bridge;

import java.util.Locale;
import org.pf4j.PluginManager;
import org.pf4j.PluginState;
import org.pf4j.PluginWrapper;
import org.springframework.beans.factory.support.BeanDefinitionRegistry;
import org.springframework.core.env.Environment;

/**
 * Armory's Scale Agent in the same Clouddriver, as a plugin or built in: both would take over the
 * same accounts in the same tables.
 */
final class Rival {

  private static final String ID = "Armory.Kubesvc";
  private static final String ENABLED = "spinnaker.extensibility.plugins." + ID + ".enabled";
  /** Switches on the one that is built into Armory's Clouddriver. */
  private static final String BUILT_IN = "armory.kubesvc.enabled";
  private static final String CLASSES = "io.armory.kubesvc.";

  private final PluginManager plugins;
  private final Environment environment;
  private final BeanDefinitionRegistry beans;

  Rival(PluginManager plugins, Environment environment, BeanDefinitionRegistry beans) {
    this.plugins = plugins;
    this.environment = environment;
    this.beans = beans;
  }

  /** Throws when it is there; all plugins' beans have to be registered by now. */
  void refuse() {
    String sign = sign();
    if (sign != null) {
      throw new FerryException(
          "CONFIG",
          "Ferry.Accounts and "
              + ID
              + " cannot serve in one Clouddriver: "
              + sign
              + "; disable one of them");
    }
  }

  private String sign() {
    PluginWrapper plugin = plugins.getPlugin(ID);
    if (plugin != null && plugin.getPluginState() == PluginState.STARTED) {
      return "the plugin " + ID + " is started";
    }
    // Spring finds a name in lower case however it is spelled.
    if ("true".equals(environment.getProperty(ENABLED))
        || "true".equals(environment.getProperty(ENABLED.toLowerCase(Locale.ROOT)))) {
      return ENABLED + " is true";
    }
    if ("true".equals(environment.getProperty(BUILT_IN))) {
      return BUILT_IN + " is true, which switches on the one built into Clouddriver";
    }
    for (String name : beans.getBeanDefinitionNames()) {
      String type = beans.getBeanDefinition(name).getBeanClassName();
      if (type != null && type.startsWith(CLASSES)) {
        return "its bean " + name + " is there";
      }
    }
    return null;
  }
}
