package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.pf4j.PluginManager;
import org.pf4j.PluginState;
import org.pf4j.PluginWrapper;
import org.springframework.beans.factory.support.DefaultListableBeanFactory;
import org.springframework.beans.factory.support.RootBeanDefinition;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.StandardEnvironment;

/** The signs of Armory's Scale Agent in the same Clouddriver. */
class RivalTest {

  private static final String ENABLED = "spinnaker.extensibility.plugins.Armory.Kubesvc.enabled";

  private final DefaultListableBeanFactory beans = new DefaultListableBeanFactory();
  private final StandardEnvironment environment = new StandardEnvironment();
  private PluginState state;

  @Test
  void aClouddriverWithoutItIsOurs() {
    set(ENABLED, false);
    beans.registerBeanDefinition("other", new RootBeanDefinition("io.armory.other.Bean"));
    assertDoesNotThrow(() -> rival().refuse());
    state = PluginState.DISABLED;
    assertDoesNotThrow(() -> rival().refuse());
  }

  @Test
  void itsPluginIsASignWhenItIsStarted() {
    state = PluginState.STARTED;
    assertRefused("the plugin Armory.Kubesvc is started");
  }

  @Test
  void soIsItsSwitchInAnySpelling() {
    set(ENABLED, true);
    assertRefused(ENABLED + " is true");
    environment.getPropertySources().remove("file");
    set("spinnaker.extensibility.plugins.armory.kubesvc.enabled", "true");
    assertRefused(ENABLED + " is true");
  }

  @Test
  void soIsTheSwitchOfTheOneThatIsBuiltIn() {
    set("armory.kubesvc.enabled", true);
    assertRefused("armory.kubesvc.enabled is true");
    environment.getPropertySources().remove("file");
    set("armory.kubesvc.enabled", "false");
    assertDoesNotThrow(() -> rival().refuse());
  }

  @Test
  void soIsABeanOfItsClasses() {
    beans.registerBeanDefinition(
        "registrar", new RootBeanDefinition("io.armory.kubesvc.services.Registrar"));
    assertRefused("its bean registrar is there");
  }

  private void assertRefused(String sign) {
    FerryException refusal = assertThrows(FerryException.class, () -> rival().refuse());
    assertEquals("CONFIG", refusal.kind);
    assertTrue(refusal.getMessage().contains(sign), refusal.getMessage());
    assertTrue(refusal.getMessage().contains("Ferry.Accounts"), refusal.getMessage());
  }

  private void set(String name, Object value) {
    environment.getPropertySources().addLast(new MapPropertySource("file", Map.of(name, value)));
    ConfigurationPropertySources.attach(environment);
  }

  private Rival rival() {
    return new Rival(plugins(), environment, beans);
  }

  private PluginManager plugins() {
    return (PluginManager)
        Proxy.newProxyInstance(
            getClass().getClassLoader(),
            new Class<?>[] {PluginManager.class},
            (proxy, method, arguments) -> {
              boolean asked = method.getName().equals("getPlugin");
              return asked && state != null && arguments[0].equals("Armory.Kubesvc")
                  ? wrapper((PluginManager) proxy)
                  : null;
            });
  }

  private PluginWrapper wrapper(PluginManager manager) {
    PluginWrapper wrapper = new PluginWrapper(manager, null, null, null);
    wrapper.setPluginState(state);
    return wrapper;
  }
}
