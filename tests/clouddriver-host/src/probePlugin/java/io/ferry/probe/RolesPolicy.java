package io.ferry.probe;

import com.netflix.spinnaker.clouddriver.security.AccountSecurityPolicy;
import java.util.Set;

/**
 * A policy by the user's name: admin, manager and writer (who may use accounts called writable…),
 * and anyone else, who may nothing. About the user lost it cannot tell, as if Fiat were away.
 */
public class RolesPolicy implements AccountSecurityPolicy {

  @Override
  public boolean isAdmin(String username) {
    if (username.equals("lost")) {
      throw new IllegalStateException("Fiat is away");
    }
    return username.equals("admin");
  }

  @Override
  public boolean isAccountManager(String username) {
    return username.equals("manager") || isAdmin(username);
  }

  @Override
  public Set<String> getRoles(String username) {
    return Set.of();
  }

  @Override
  public boolean canUseAccount(String username, String account) {
    return isAdmin(username)
        || Set.of("manager", "writer").contains(username) && account.startsWith("writable");
  }

  @Override
  public boolean canModifyAccount(String username, String account) {
    return isAccountManager(username) && canUseAccount(username, account);
  }
}
