package io.ferry.bridge;

import com.netflix.spinnaker.clouddriver.security.AccountSecurityPolicy;
import java.util.function.Predicate;

/**
 * What one user may do with accounts, by Clouddriver's own policy: with Fiat off, everything.
 *
 * <p>Account managers and admins may see all, and write; others see the accounts they may use. An
 * account that Clouddriver has loaded is written by those who may modify it, as Clouddriver's own
 * endpoints have it; nothing is known yet about who may modify one that is not.
 */
final class Access implements Predicate<String> {

  private final AccountSecurityPolicy policy;
  private final Predicate<String> loaded;
  private final String user;
  private final boolean admin;
  private final boolean manager;

  /** Asks the policy at once; what it throws goes on. {@code loaded}: by Clouddriver, by name. */
  Access(AccountSecurityPolicy policy, Predicate<String> loaded, String user) {
    this.policy = policy;
    this.loaded = loaded;
    this.user = user;
    this.admin = policy.isAdmin(user);
    this.manager = admin || policy.isAccountManager(user);
  }

  /** Whether all may be seen, and writes be asked for. */
  boolean manages() {
    return manager;
  }

  /** Whether the account of this name may be seen. */
  @Override
  public boolean test(String account) {
    return manager || policy.canUseAccount(user, account);
  }

  boolean mayModifyAll() {
    return admin;
  }

  /** Whether the account of this name may be written. */
  boolean mayModify(String account) {
    return admin || manager && (!loaded.test(account) || policy.canModifyAccount(user, account));
  }

  String user() {
    return user;
  }
}
