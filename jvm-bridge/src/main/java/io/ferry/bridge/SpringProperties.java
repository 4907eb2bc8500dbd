package io.ferry.bridge;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.PropertySource;

/**
 * Clouddriver's configuration, as far as it is for the core: names as spelled, values as Spring
 * resolves them, so that placeholders are filled in and what was encrypted is not any more.
 *
 * <p>Variables of the process keep their names: only the core knows which key they mean.
 */
final class SpringProperties {

  private static final List<String> ROOTS =
      List.of(
          "armory.kubesvc",
          "kubesvc",
          "account.storage",
          "sql.connectionPools.default",
          "sql.migration");

  private static final List<String> NAME_STARTS = plainRoots(".");
  private static final List<String> VARIABLE_STARTS = plainRoots("");

  /** The plugin's own keys, which the core does not know; without any separator. */
  private static final List<String> OWN =
      List.of(
          "kubesvcrequired",
          "kubesvcnativelibrary",
          "armorykubesvcrequired",
          "armorykubesvcnativelibrary");

  private final ConfigurableEnvironment environment;

  SpringProperties(ConfigurableEnvironment environment) {
    this.environment = environment;
  }

  /** {@code kubesvc.required}: Clouddriver shall not start without a core. */
  boolean required() {
    return Boolean.parseBoolean(own("required"));
  }

  /** {@code kubesvc.nativeLibrary}: the file to load, or null. */
  String nativeLibrary() {
    return own("native-library");
  }

  private String own(String key) {
    String armory = environment.getProperty("armory.kubesvc." + key);
    return armory != null ? armory : environment.getProperty("kubesvc." + key);
  }

  /** What {@link NativeCore#start} takes. */
  byte[] json() {
    try {
      return new ObjectMapper().writeValueAsBytes(Map.of("properties", collect()));
    } catch (IOException e) {
      throw new FerryException("CONFIG", "the configuration cannot be passed on: " + e);
    }
  }

  /**
   * By name. A key that several sources have, in whatever spelling, is taken from the first of them
   * only, a list as a whole: so does Spring.
   */
  Map<String, String> collect() {
    Map<String, String> collected = new TreeMap<>();
    Map<String, PropertySource<?>> owners = new HashMap<>();
    for (PropertySource<?> source : environment.getPropertySources()) {
      if (source instanceof EnumerablePropertySource) {
        for (String name : ((EnumerablePropertySource<?>) source).getPropertyNames()) {
          if (isForTheCore(name)
              && owners.computeIfAbsent(key(name), unowned -> source) == source) {
            collected.put(name, value(name));
          }
        }
      }
    }
    return collected;
  }

  private String value(String name) {
    try {
      String value = environment.getProperty(name);
      return value == null ? "" : value;
    } catch (RuntimeException e) {
      throw new FerryException("CONFIG", name + ": " + e.getMessage());
    }
  }

  private static boolean isForTheCore(String name) {
    String plain = plain(name);
    if (OWN.contains(plain.replace(".", ""))) {
      return false;
    }
    boolean variable = name.indexOf('.') < 0 && name.equals(name.toUpperCase(Locale.ROOT));
    return (variable ? VARIABLE_STARTS : NAME_STARTS).stream().anyMatch(plain::startsWith);
  }

  /** What all spellings of a key, and all entries of a list, have in common. */
  private static String key(String name) {
    int index = name.indexOf('[');
    return plain(index < 0 ? name : name.substring(0, index));
  }

  private static String plain(String name) {
    return name.replace("-", "").replace("_", "").toLowerCase(Locale.ROOT);
  }

  private static List<String> plainRoots(String separator) {
    return ROOTS.stream()
        .map(root -> plain(root).replace(".", separator) + separator)
        .collect(Collectors.toUnmodifiableList());
  }
}
