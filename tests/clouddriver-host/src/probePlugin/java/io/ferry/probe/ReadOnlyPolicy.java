package io.ferry.probe;

import com.netflix.spinnaker.clouddriver.security.AllowAllAccountSecurityPolicy;

/** A policy under which nobody may write accounts. */
public class ReadOnlyPolicy extends AllowAllAccountSecurityPolicy {

  @Override
  public boolean isAccountManager(String username) {
    return false;
  }

  @Override
  public boolean canModifyAccount(String username, String account) {
    return false;
  }
}
