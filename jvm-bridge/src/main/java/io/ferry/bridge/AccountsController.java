package io.ferry.bridge;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.netflix.spinnaker.clouddriver.security.AccountSecurityPolicy;
import com.netflix.spinnaker.security.AuthenticatedRequest;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.springframework.http.RequestEntity;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;

/**
 * Serves /armory/** and /agents/** inside Clouddriver: checks who asks, then lets the core answer.
 *
 * <p>The check is code, since an annotation for it would have Spring make a subclass, which it
 * cannot do with a plugin's classes.
 */
@RestController
class AccountsController {

  private static final String USER = "X-SPINNAKER-USER";

  private final Supplier<Core> core;
  private final Supplier<AccountSecurityPolicy> policy;
  private final Predicate<String> loaded;

  /** {@code loaded}: whether Clouddriver has loaded the account of this name. */
  AccountsController(
      Supplier<Core> core, Supplier<AccountSecurityPolicy> policy, Predicate<String> loaded) {
    this.core = core;
    this.policy = policy;
    this.loaded = loaded;
  }

  /** Answers any of them. Its URL is as received: percent-encoding is kept. */
  @RequestMapping(
      path = {"/armory/**", "/agents/**"},
      method = {
        RequestMethod.GET,
        RequestMethod.HEAD,
        RequestMethod.OPTIONS,
        RequestMethod.POST,
        RequestMethod.PATCH,
        RequestMethod.PUT,
        RequestMethod.DELETE
      })
  public ResponseEntity<byte[]> answer(RequestEntity<byte[]> request) {
    String user = AuthenticatedRequest.getSpinnakerUser().orElse("anonymous");
    Access access = new Access(policy.get(), loaded, user);
    try {
      return answer(request, access);
    } catch (FerryException e) {
      return Answers.unavailable(e);
    }
  }

  private ResponseEntity<byte[]> answer(RequestEntity<byte[]> request, Access access) {
    String method = String.valueOf(request.getMethod());
    URI url = request.getUrl();
    String path = url.getRawPath();
    String query = url.getRawQuery();
    String target = query == null ? path : path + "?" + query;
    String[] headers = headers(request, access.user());
    byte[] body = request.getBody() == null ? new byte[0] : request.getBody();
    Supplier<Reply> answer = () -> core.get().handle(method, target, headers, body);
    Route route = Route.of(method, path);
    if (access.manages()) {
      return access.mayModifyAll() || route.kind != Route.Kind.MANAGEMENT
          ? Answers.of(answer.get())
          : written(route, path, body, access, answer);
    }
    VisibleAccounts visible =
        new VisibleAccounts(
            access, (verb, asked, sent) -> core.get().handle(verb, asked, headers, sent));
    switch (route.kind) {
      case ACCOUNTS:
        return Answers.of(visible.accounts(query));
      case AGENTS:
      case AGENT:
        return Answers.of(visible.agents(target));
      case PUBLIC:
        return Answers.of(answer.get());
      case ACCOUNT:
        return access.test(route.account)
            ? Answers.of(answer.get())
            : Answers.forbidden(
                String.format(
                    "%s may not see account %s: that needs WRITE permission on it, or to be"
                        + " account manager or admin",
                    access.user(), route.account));
      default:
        return Answers.forbidden(
            String.format(
                "%s may not %s %s: that needs to be account manager or admin",
                access.user(), method, path));
    }
  }

  private static ResponseEntity<byte[]> written(
      Route route, String path, byte[] body, Access access, Supplier<Reply> answer) {
    List<String> names = new ArrayList<>();
    try {
      names.addAll(Names.in(body));
    } catch (JsonProcessingException e) {
      return Answers.bad(
          String.format(
              "the body is not JSON, or has one key twice, at line %d, column %d",
              e.getLocation().getLineNr(), e.getLocation().getColumnNr()));
    } catch (IOException e) {
      return Answers.bad("the body is not text in UTF-8");
    }
    if (Route.isRollback(path) && names.isEmpty()) {
      return Answers.forbidden(
          String.format(
              "%s may not bring back a whole zone: that needs to be admin; name the accounts",
              access.user()));
    }
    if (route.account != null) {
      names.add(route.account);
    }
    names.removeIf(access::mayModify);
    return names.isEmpty()
        ? Answers.of(answer.get())
        : Answers.forbidden(
            String.format(
                "%s may not change %s: that needs WRITE permission on it, or to be admin;"
                    + " nothing was done",
                access.user(), String.join(", ", names)));
  }

  /** As received, but the user is the one that was checked. */
  private static String[] headers(RequestEntity<byte[]> request, String user) {
    List<String> headers = new ArrayList<>(List.of(USER, user));
    request
        .getHeaders()
        .forEach(
            (name, values) -> {
              if (!name.equalsIgnoreCase(USER)) {
                values.forEach(value -> headers.addAll(List.of(name, value)));
              }
            });
    return headers.toArray(String[]::new);
  }
}
