package io.ferry.bridge;

import com.netflix.spinnaker.clouddriver.security.AccountSecurityPolicy;
import java.util.function.Predicate;

/**
 * What one user may do with accounts, by Clouddriver's own policy: with Fiat off, everything.
 *
 * <p>Account managers and admins may do and see all; others see the accounts they may use.
 */
final class Access implements Predicate<String> {

  private final AccountSecurityPolicy policy;
  private final String user;
  private final boolean toAll;

  /** Asks the policy at once; what it throws goes on. */
  Access(AccountSecurityPolicy policy, String user) {
    this.policy = policy;
    this.user = user;
    this.toAll = policy.isAdmin(user) || policy.isAccountManager(user);
  }

  boolean toAll() {
    return toAll;
  }

  /** Whether the account of this name may be seen. */
  @Override
  public boolean test(String account) {
    return toAll || policy.canUseAccount(user, account);
  }

  String user() {
    return user;
  }
}
