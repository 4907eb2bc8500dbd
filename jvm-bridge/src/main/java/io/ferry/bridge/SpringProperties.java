package io.ferry.bridge;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.core.convert.ConversionException;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.PropertySource;

/**
 * Clouddriver's configuration, as far as it is for the core: names as spelled, values as Spring
 * resolves them, so that placeholders are filled in and what was encrypted is not any more.
 *
 * <p>Variables of the process keep their names: only the core knows which key they mean. Below,
 * names are compared as {@link #plain} leaves them, those of variables without dots.
 */
final class SpringProperties {

  private static final List<String> ROOTS =
      List.of(
          "armory.kubesvc.",
          "kubesvc.",
          "secrets.vault.",
          "sql.connectionpools.default.",
          "sql.migration.");

  private static final List<String> ROOTS_OF_VARIABLES =
      List.of(
          "armorykubesvc", "kubesvc", "secretsvault", "sqlconnectionpoolsdefault", "sqlmigration");

  /** Clouddriver's own switches that the core minds; the rest of account.storage is not its. */
  private static final List<String> SWITCHES =
      List.of("account.storage.enabled", "account.storage.kubernetes.enabled");

  private static final List<String> SWITCHES_AS_VARIABLES =
      List.of("accountstorageenabled", "accountstoragekubernetesenabled");

  /** The plugin's own keys, which the core does not know. */
  private static final List<String> OWN = List.of("kubesvcrequired", "kubesvcnativelibrary");

  private final ConfigurableEnvironment environment;

  SpringProperties(ConfigurableEnvironment environment) {
    this.environment = environment;
  }

  /** {@code kubesvc.required}: Clouddriver shall not start without a core. */
  boolean required() {
    return flag(false, "required");
  }

  /** Whether a write of an account that the core cannot record is to be refused. */
  boolean strict() {
    return flag(false, "dynamic-accounts.interceptor.strict")
        && flag(true, "dynamic-accounts.interceptor.enabled")
        && flag(true, "dynamic-accounts.enabled", "dynamic-accounts.enable");
  }

  /** {@code kubesvc.nativeLibrary}: the file to load, or null. */
  String nativeLibrary() {
    return own("native-library");
  }

  /** As Spring reads a boolean; what is none of that is a mistake that the core tells of. */
  private boolean flag(boolean otherwise, String... spellings) {
    for (String key : spellings) {
      String value = own(key);
      if (value != null && !value.isBlank()) {
        try {
          return environment.getConversionService().convert(value, Boolean.class);
        } catch (ConversionException e) {
          return otherwise;
        }
      }
    }
    return otherwise;
  }

  /** Spring finds a name with dashes in whatever spelling it was set. */
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
              && owners.computeIfAbsent(plain(name), unowned -> source) == source) {
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
    String joined = plain.replace(".", "");
    if (OWN.stream().anyMatch(own -> joined.equals(own) || joined.equals("armory" + own))) {
      return false;
    }
    if (name.indexOf('.') < 0 && name.equals(name.toUpperCase(Locale.ROOT))) {
      return SWITCHES_AS_VARIABLES.contains(plain)
          || ROOTS_OF_VARIABLES.stream().anyMatch(plain::startsWith);
    }
    return SWITCHES.contains(plain) || ROOTS.stream().anyMatch(plain::startsWith);
  }

  /** What all spellings of a key, and all entries of a list, have in common. */
  private static String plain(String name) {
    return name.replaceAll("\\[\\d*\\]|[-_]", "").toLowerCase(Locale.ROOT);
  }
}
