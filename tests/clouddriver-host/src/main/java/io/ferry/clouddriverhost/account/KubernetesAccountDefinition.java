package io.ferry.clouddriverhost.account;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonTypeName;
import com.netflix.spinnaker.clouddriver.security.AccessControlledAccountDefinition;
import com.netflix.spinnaker.fiat.model.resources.Permissions;
import java.util.ArrayList;
import java.util.List;

/**
 * An account of type kubernetes, with the fields, defaults and order that Clouddriver writes.
 *
 * <p>Only the fields count: they are what is read from and written as JSON.
 */
@JsonTypeName("kubernetes")
@JsonAutoDetect(
    fieldVisibility = JsonAutoDetect.Visibility.ANY,
    getterVisibility = JsonAutoDetect.Visibility.NONE)
public class KubernetesAccountDefinition extends AccountJson
    implements AccessControlledAccountDefinition {

  String name;
  String environment;
  String accountType;
  String context;
  String kubeconfigFile;
  String kubeconfigContents;
  String kubectlExecutable;
  Integer kubectlRequestTimeoutSeconds;
  boolean serviceAccount;
  List<String> namespaces = new ArrayList<>();
  List<String> omitNamespaces = new ArrayList<>();
  int cacheThreads = 1;
  List<String> requiredGroupMembership = new ArrayList<>();
  Permissions.Builder permissions = new Permissions.Builder();
  String namingStrategy = "kubernetesAnnotations";
  boolean debug;
  boolean metrics = true;
  boolean checkPermissionsOnStartup = true;
  List<CustomResource> customResources = new ArrayList<>();
  List<CachingPolicy> cachingPolicies = new ArrayList<>();
  List<String> kinds = new ArrayList<>();
  List<String> omitKinds = new ArrayList<>();
  boolean onlySpinnakerManaged;
  Long cacheIntervalSeconds;
  boolean cacheAllApplicationRelationships;
  RawResources rawResourcesEndpointConfig = new RawResources();

  @JsonProperty("oauthServiceAccount")
  String oAuthServiceAccount;

  @JsonProperty("oauthScopes")
  List<String> oAuthScopes;

  @Override
  public String getName() {
    return name;
  }

  @Override
  public Permissions.Builder getPermissions() {
    return permissions;
  }

  /** A kind of the cluster's own that Clouddriver shall treat as one of its own. */
  @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
  static class CustomResource {
    String kubernetesKind;
    String spinnakerKind = "unclassified";
    String deployPriority = "100";
    boolean versioned;
  }

  /** How much of one kind is cached. */
  @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
  static class CachingPolicy {
    String kubernetesKind;
    int maxEntriesPerAgent;
  }

  /** Which kinds the raw resources endpoint shows. */
  @JsonAutoDetect(fieldVisibility = JsonAutoDetect.Visibility.ANY)
  static class RawResources {
    List<String> kindExpressions = new ArrayList<>();
    List<String> omitKindExpressions = new ArrayList<>();
    List<String> kindPatterns = new ArrayList<>();
    List<String> omitKindPatterns = new ArrayList<>();
  }
}
