package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.core.env.EnumerablePropertySource;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.MutablePropertySources;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;

/** What of Clouddriver's configuration reaches the core, in which words. */
class SpringPropertiesTest {

  private final StandardEnvironment environment = new StandardEnvironment();
  private final MutablePropertySources sources = environment.getPropertySources();
  private final SpringProperties properties = new SpringProperties(environment);

  SpringPropertiesTest() {
    sources.remove(StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME);
    sources.remove(StandardEnvironment.SYSTEM_PROPERTIES_PROPERTY_SOURCE_NAME);
    ConfigurationPropertySources.attach(environment);
  }

  @Test
  void onlyWhatConcernsTheCoreIsPassedOn() {
    file(
        Map.of(
            "kubesvc.grpc.server.port", 9091,
            "armory.kubesvc.enabled", true,
            "account.storage.enabled", true,
            "account.storage.kubernetes.enabled", true,
            "account.storage.dockerRegistry.enabled", true,
            "account.storage.additional-scan-packages", "com.example",
            "sql.connection-pools.default.jdbc-url", "jdbc:x",
            "sql.connectionPools.other.jdbcUrl", "jdbc:y",
            "sql.migration.user", "m",
            "server.port", 7002));
    assertEquals(
        Map.of(
            "kubesvc.grpc.server.port", "9091",
            "armory.kubesvc.enabled", "true",
            "account.storage.enabled", "true",
            "account.storage.kubernetes.enabled", "true",
            "sql.connection-pools.default.jdbc-url", "jdbc:x",
            "sql.migration.user", "m"),
        properties.collect());
  }

  @Test
  void theSwitchesOfStorageAreKnownInTheFormOfAList() {
    file(Map.of("account[0].storage[1].kubernetes[0].enabled", true));
    assertEquals(
        Map.of("account[0].storage[1].kubernetes[0].enabled", "true"), properties.collect());
  }

  @Test
  void thePluginsOwnKeysStayHereInAnySpelling() {
    file(Map.of("kubesvc.required", true, "kubesvc.nativeLibrary", "/x.so"));
    assertTrue(properties.required());
    assertEquals("/x.so", properties.nativeLibrary());
    first("armory", Map.of("armory.kubesvc.native-library", "/y.so"));
    assertEquals("/y.so", properties.nativeLibrary());
    variables(Map.of("KUBESVC_NATIVELIBRARY", "/z.so", "KUBESVC_REQUIRED", "false"));
    assertFalse(properties.required());
    assertEquals(Map.of(), properties.collect());
  }

  @Test
  void switchesAreReadInEveryWordThatSpringKnows() {
    String strict = "kubesvc.dynamicAccounts.interceptor.strict";
    file(Map.of(strict, "on", "kubesvc.required", 1));
    assertTrue(properties.required());
    assertTrue(properties.strict());
    for (String off : new String[] {"off", "0", "no", "FALSE"}) {
      for (String key : new String[] {"interceptor.enabled", "enabled", "enable"}) {
        first("switch", Map.of("kubesvc.dynamicAccounts." + key, off));
        assertFalse(properties.strict(), key + " " + off);
        sources.remove("switch");
      }
    }
    variables(Map.of("KUBESVC_DYNAMICACCOUNTS_INTERCEPTOR_ENABLED", "no"));
    assertFalse(properties.strict());
    variables(Map.of("ARMORY_KUBESVC_DYNAMICACCOUNTS_INTERCEPTOR_STRICT", "0"));
    assertFalse(properties.strict());
    variables(Map.of("KUBESVC_REQUIRED", "maybe"));
    assertFalse(properties.required(), "the core says that it is no switch");
  }

  @Test
  void nothingSetIsNothingConfigured() {
    assertFalse(properties.required());
    assertFalse(properties.strict());
    assertNull(properties.nativeLibrary());
    assertEquals("{\"properties\":{}}", new String(properties.json()));
  }

  @Test
  void placeholdersAreFilledIn() {
    file(Map.of("kubesvc.cluster", "${name:default}-1"));
    assertEquals(Map.of("kubesvc.cluster", "default-1"), properties.collect());
  }

  @Test
  void aPlaceholderThatNobodyFillsInIsAMistakeOfThatKey() {
    file(Map.of("kubesvc.cluster", "${nowhere}"));
    FerryException mistake = assertThrows(FerryException.class, properties::json);
    assertEquals("CONFIG", mistake.kind);
    assertTrue(mistake.getMessage().startsWith("kubesvc.cluster: "), mistake.getMessage());
  }

  @Test
  void theFirstSourceOfAKeyCountsHoweverItIsSpelled() {
    file(Map.of("kubesvc.dynamicAccounts.maxRetries", 3));
    first("profile", Map.of("kubesvc.dynamic-accounts.max-retries", 5));
    assertEquals(
        Map.of("kubesvc.dynamic-accounts.max-retries", "5"), properties.collect());
  }

  @Test
  void theFirstSourceOfAListCountsAsAWhole() {
    file(Map.of("kubesvc.patterns[0]", "a", "kubesvc.patterns[1]", "b"));
    first("profile", Map.of("kubesvc.patterns[0]", "c"));
    assertEquals(Map.of("kubesvc.patterns[0]", "c"), properties.collect());
  }

  @Test
  void variablesKeepTheirNames() {
    variables(
        Map.of(
            "KUBESVC_GRPC_SERVER_PORT", "1",
            "ARMORY_KUBESVC_CLUSTER", "c",
            "SQL_CONNECTIONPOOLS_DEFAULT_USER", "u",
            "ACCOUNT_STORAGE_ENABLED", "true",
            "ACCOUNT_STORAGE_AWS_ENABLED", "true",
            "FERRY_CACHE", "/x",
            "HOME", "/root"));
    assertEquals(
        Map.of(
            "KUBESVC_GRPC_SERVER_PORT", "1",
            "ARMORY_KUBESVC_CLUSTER", "c",
            "SQL_CONNECTIONPOOLS_DEFAULT_USER", "u",
            "ACCOUNT_STORAGE_ENABLED", "true"),
        properties.collect());
  }

  @Test
  void accountsOfTheConfigurationArePassedOn() {
    Map<String, Object> file = new HashMap<>();
    file.put("kubernetes.enabled", true);
    file.put("kubernetes.primaryAccount", "a");
    file.put("kubernetes.accounts[0].name", "a");
    file.put("kubernetes.accounts[0].kube-config-file", "${home:/k}/a");
    file.put("kubernetes.accounts[0].permissions.READ[0]", "dev");
    file.put("kubernetes.accounts[1].context", "${nobody.knows}");
    file.put("kubernetes.accountsOther", "x");
    file.put("dockerRegistry.accounts[0].name", "d");
    file(file);
    Map<String, String> expected = new HashMap<>();
    expected.put("kubernetes.enabled", "true");
    expected.put("kubernetes.accounts[0].name", "a");
    expected.put("kubernetes.accounts[0].kube-config-file", "/k/a");
    expected.put("kubernetes.accounts[0].permissions.READ[0]", "dev");
    expected.put("kubernetes.accounts[1].context", "${nobody.knows}");
    assertEquals(expected, properties.collect());
    first("local", Map.of("kubernetes.accounts[0].context", "c"));
    assertEquals(
        Map.of("kubernetes.enabled", "true", "kubernetes.accounts[0].context", "c"),
        properties.collect(),
        "a list is that of the first source as a whole");
  }

  /** As Spinnaker's own source does, which decrypts a secret to a file of Clouddriver's. */
  @Test
  void referencesToSecretsStayAsWritten() {
    String reference = "encryptedFile:k8s!n:name!k:key";
    MapPropertySource written =
        new MapPropertySource(
            "file",
            Map.of(
                "kubernetes.accounts[0].kubeconfigFile", reference, "kubesvc.cluster", reference));
    sources.addLast(new Decrypting(written));
    assertEquals(
        Map.of(
            "kubernetes.accounts[0].kubeconfigFile", reference, "kubesvc.cluster", "/tmp/decrypted"),
        properties.collect());
  }

  private static final class Decrypting extends EnumerablePropertySource<MapPropertySource> {
    Decrypting(MapPropertySource written) {
      super("decrypting", written);
    }

    @Override
    public String[] getPropertyNames() {
      return source.getPropertyNames();
    }

    @Override
    public Object getProperty(String name) {
      return source.containsProperty(name) ? "/tmp/decrypted" : null;
    }
  }

  @Test
  void anyTextSurvivesAsJson() throws Exception {
    String text = "\"quoted\" \\ \n\t\u0000 ü € \uD83D\uDEA2 </script>";
    file(Map.of("kubesvc.cluster", text));
    assertEquals(
        text,
        new ObjectMapper().readTree(properties.json()).at("/properties/kubesvc.cluster").asText());
  }

  private void file(Map<String, Object> values) {
    sources.addLast(new MapPropertySource("file", values));
  }

  private void first(String name, Map<String, Object> values) {
    sources.addBefore("file", new MapPropertySource(name, values));
  }

  private void variables(Map<String, Object> values) {
    sources.addFirst(
        new SystemEnvironmentPropertySource(
            StandardEnvironment.SYSTEM_ENVIRONMENT_PROPERTY_SOURCE_NAME, values));
  }
}
