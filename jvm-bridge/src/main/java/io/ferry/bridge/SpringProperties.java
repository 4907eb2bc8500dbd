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

  /**
   * Accounts that Clouddriver has by its configuration, and whether it has any. Their list is taken
   * from one source as a whole, and what cannot be read of one is the core's to tell.
   */
  private static final String ACCOUNTS = "kubernetes.accounts";

  private static final String ACCOUNTS_SWITCH = "kubernetes.enabled";

  /** The plugin's own keys, which the core does not know. */
  private static final List<String> OWN = List.of("kubesvcrequired", "kubesvcnativelibrary");

  private static final List<String> REFERENCES =
      List.of("encrypted:", "encryptedFile:", "secret://", "secretFile://");

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
              && owners.computeIfAbsent(owned(name), unowned -> source) == source) {
            collected.put(name, isOfAnAccount(name) ? ofAccount(source, name) : value(name));
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

  /**
   * A reference to a secret stays as written: the core resolves it when it is needed, and an agent
   * has no use for a file that Clouddriver decrypted.
   */
  private String ofAccount(PropertySource<?> source, String name) {
    PropertySource<?> written = source;
    while (written.getSource() instanceof PropertySource) {
      written = (PropertySource<?>) written.getSource();
    }
    Object raw = written.getProperty(name);
    String text = raw == null ? "" : raw.toString();
    if (REFERENCES.stream().anyMatch(text::startsWith)) {
      return text;
    }
    try {
      String value = environment.getProperty(name);
      return value == null ? "" : value;
    } catch (RuntimeException e) {
      return text;
    }
  }

  private static boolean isOfAnAccount(String name) {
    String plain = plain(name);
    return plain.equals(ACCOUNTS) || plain.startsWith(ACCOUNTS + ".");
  }

  /** What is taken from one source as a whole. */
  private static String owned(String name) {
    return isOfAnAccount(name) ? ACCOUNTS : plain(name);
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
    return SWITCHES.contains(plain)
        || plain.equals(ACCOUNTS_SWITCH)
        || isOfAnAccount(name)
        || ROOTS.stream().anyMatch(plain::startsWith);
  }

  /** What all spellings of a key, and all entries of a list, have in common. */
  private static String plain(String name) {
    return name.replaceAll("\\[\\d*\\]|[-_]", "").toLowerCase(Locale.ROOT);
  }
}
