package io.ferry.clouddriverhost.web;

import java.util.List;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.ConstructorBinding;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * The keys {@code credentials.*} that colour GET /credentials.
 *
 * @see CredentialsController
 */
@ConfigurationProperties("credentials")
@ConstructorBinding
public final class CredentialsProperties {

  private final List<String> challengeDestructiveActionsEnvironments;
  private final List<String> primaryAccountTypes;

  public CredentialsProperties(
      @DefaultValue List<String> challengeDestructiveActionsEnvironments,
      @DefaultValue List<String> primaryAccountTypes) {
    this.challengeDestructiveActionsEnvironments =
        List.copyOf(challengeDestructiveActionsEnvironments);
    this.primaryAccountTypes = List.copyOf(primaryAccountTypes);
  }

  boolean challengesDestructiveActions(String environment) {
    return environment != null && challengeDestructiveActionsEnvironments.contains(environment);
  }

  boolean isPrimary(String accountType) {
    return accountType != null && primaryAccountTypes.contains(accountType);
  }
}
