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
import org.springframework.core.io.InputStreamResource;
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

  /** The longest array of every JVM has a few bytes more. */
  private static final long LONGEST = Integer.MAX_VALUE - 16;

  /** The core's answer to the request with this body. */
  private interface Asked {
    ResponseEntity<byte[]> with(byte[] body);
  }

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
  public ResponseEntity<byte[]> answer(RequestEntity<InputStreamResource> request) {
    String user = AuthenticatedRequest.getSpinnakerUser().orElse("anonymous");
    Access access = new Access(policy.get(), loaded, user);
    try {
      return answer(request, access);
    } catch (FerryException e) {
      return Answers.unavailable(e);
    } catch (IOException e) {
      return Answers.bad("the body breaks off");
    }
  }

  /** Reads no body before it is known that who sends it is answered. */
  private ResponseEntity<byte[]> answer(RequestEntity<InputStreamResource> request, Access access)
      throws IOException {
    String method = String.valueOf(request.getMethod());
    URI url = request.getUrl();
    String path = url.getRawPath();
    String query = url.getRawQuery();
    String target = query == null ? path : path + "?" + query;
    String[] headers = headers(request, access.user());
    Asked answer = body -> Answers.of(core.get().handle(method, target, headers, body));
    Route route = Route.of(method, path);
    if (access.manages()) {
      byte[] body = body(request);
      return access.mayModifyAll() || route.kind != Route.Kind.MANAGEMENT
          ? answer.with(body)
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
        return answer.with(body(request));
      case ACCOUNT:
        return access.test(route.account)
            ? answer.with(body(request))
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

  /** One byte of those that are too many is as good as all of them: the core refuses them. */
  private byte[] body(RequestEntity<InputStreamResource> request) throws IOException {
    InputStreamResource body = request.getBody();
    return body == null ? new byte[0] : body.getInputStream().readNBytes(bound() + 1);
  }

  private int bound() {
    return (int) Math.min(core.get().maxBody(), LONGEST);
  }

  private ResponseEntity<byte[]> written(
      Route route, String path, byte[] body, Access access, Asked answer) {
    if (body.length > bound()) {
      return answer.with(body);
    }
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
        ? answer.with(body)
        : Answers.forbidden(
            String.format(
                "%s may not change %s: that needs WRITE permission on it, or to be admin;"
                    + " nothing was done",
                access.user(), String.join(", ", names)));
  }

  /** As received, but the user is the one that was checked. */
  private static String[] headers(RequestEntity<?> request, String user) {
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
