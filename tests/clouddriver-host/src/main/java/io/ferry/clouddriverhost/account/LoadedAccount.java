package io.ferry.clouddriverhost.account;

import com.netflix.spinnaker.clouddriver.security.AbstractAccountCredentials;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import com.netflix.spinnaker.fiat.model.resources.Permissions;
import java.util.List;

/**
 * An account as GET /credentials shows it, once a poll has loaded its definition.
 *
 * <p>Loading contacts nothing: no kubectl is run and no registry asked. Whoever wants that gives
 * {@link KubernetesAccounts} another parser.
 *
 * @param <D> the definition it was loaded from
 */
public class LoadedAccount<D extends CredentialsDefinition> extends AbstractAccountCredentials<D> {

  private final String cloudProvider;
  private final D definition;
  private final String environment;
  private final String accountType;
  private final List<String> requiredGroupMembership;
  private final Permissions permissions;

  LoadedAccount(
      String cloudProvider,
      D definition,
      String environment,
      String accountType,
      List<String> requiredGroupMembership,
      Permissions permissions) {
    this.cloudProvider = cloudProvider;
    this.definition = definition;
    this.environment = environment != null ? environment : definition.getName();
    this.accountType = accountType != null ? accountType : definition.getName();
    this.requiredGroupMembership =
        permissions.isRestricted() ? List.of() : List.copyOf(requiredGroupMembership);
    this.permissions = permissions.isRestricted() ? permissions : super.getPermissions();
  }

  @Override
  public String getName() {
    return definition.getName();
  }

  @Override
  public String getEnvironment() {
    return environment;
  }

  @Override
  public String getAccountType() {
    return accountType;
  }

  @Override
  public String getCloudProvider() {
    return cloudProvider;
  }

  @Override
  public D getCredentials() {
    return definition;
  }

  @Override
  @Deprecated
  public List<String> getRequiredGroupMembership() {
    return requiredGroupMembership;
  }

  @Override
  public Permissions getPermissions() {
    return permissions;
  }
}
