package io.ferry.bridge;

import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import com.netflix.spinnaker.kork.common.Header;
import com.netflix.spinnaker.security.AuthenticatedRequest;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.web.util.UriUtils;

/**
 * An account repository that tells the core of each write, before and after it, in the words of the
 * request that it came from: POST, PUT or DELETE of /credentials.
 *
 * <p>The caller gets what the repository answers or throws. A failure of ours is logged, and theirs
 * only where no write may go unrecorded: then the repository is not called.
 */
final class InterceptedRepository implements InvocationHandler {

  private static final Logger log = LoggerFactory.getLogger(InterceptedRepository.class);

  /** How a definition becomes JSON; may throw what Clouddriver's mapper throws. */
  interface Json {
    String of(CredentialsDefinition definition) throws Exception;
  }

  private final Object delegate;
  private final Supplier<Core> cores;
  private final BooleanSupplier strict;
  private final Json json;

  /** {@code strict}: a write that the core cannot record is not done. */
  InterceptedRepository(
      Object delegate, Supplier<Core> cores, BooleanSupplier strict, Json json) {
    this.delegate = delegate;
    this.cores = cores;
    this.strict = strict;
    this.json = json;
  }

  @Override
  public Object invoke(Object proxy, Method method, Object[] arguments) throws Throwable {
    if (method.getDeclaringClass() == Object.class && method.getName().equals("equals")) {
      return delegate.equals(unwrapped(arguments[0]));
    }
    Core core = cores.get();
    long interception = begin(core, method, arguments);
    int status = 500;
    try {
      Object result = method.invoke(delegate, arguments);
      status = 200;
      return result;
    } catch (InvocationTargetException e) {
      throw e.getCause();
    } finally {
      end(core, interception, status);
    }
  }

  private long begin(Core core, Method method, Object[] arguments) {
    String verb = method.getName();
    try {
      switch (verb) {
        case "create":
          return begin(core, "POST", null, arguments[0]);
        case "save":
          return begin(core, "PUT", null, arguments[0]);
        case "update":
          String updated = ((CredentialsDefinition) arguments[0]).getName();
          return begin(core, "PUT", updated, arguments[0]);
        case "delete":
          return begin(core, "DELETE", (String) arguments[0], null);
        default:
          return 0;
      }
    } catch (FerryException e) {
      if (strict.getAsBoolean()) {
        throw refused(e);
      }
      log.error(
          "NOT RECORDED: Ferry cannot be told of {} of an account, which goes on; if it succeeds,"
              + " bring Ferry up to date by POST or DELETE /armory/accounts ({}: {})",
          verb,
          e.kind,
          e.getMessage());
      return 0;
    } catch (Exception | LinkageError e) {
      if (strict.getAsBoolean()) {
        log.error("{} of an account is refused", verb, e);
        throw refused(new FerryException("INTERNAL", e.toString()));
      }
      log.error(
          "NOT RECORDED: Ferry fails before {} of an account, which goes on; if it succeeds, bring"
              + " Ferry up to date by POST or DELETE /armory/accounts",
          verb,
          e);
      return 0;
    }
  }

  private long begin(Core core, String method, String name, Object definition) throws Exception {
    String path =
        name == null
            ? "/credentials"
            : "/credentials/" + UriUtils.encode(name, StandardCharsets.UTF_8);
    String body = definition == null ? "" : json.of((CredentialsDefinition) definition);
    return core.interceptBegin(method, path, headers(), body.getBytes(StandardCharsets.UTF_8));
  }

  /** Who wrote, and by which request, as far as it is known. */
  private static String[] headers() {
    List<String> headers = new ArrayList<>();
    for (Header header : List.of(Header.USER, Header.REQUEST_ID)) {
      AuthenticatedRequest.get(header)
          .ifPresent(value -> headers.addAll(List.of(header.getHeader(), value)));
    }
    return headers.toArray(String[]::new);
  }

  private static NotJournaled refused(FerryException cause) {
    boolean forEver = cause.kind.equals("NOT_RECORDABLE");
    return new NotJournaled(
        forEver || cause.kind.equals("NOT_JOURNALED")
            ? cause.getMessage()
            : "nothing was done: Ferry cannot record this write, and"
                + " kubesvc.dynamicAccounts.interceptor.strict lets none pass unrecorded; send it"
                + " again later ("
                + cause.getMessage()
                + ")",
        forEver);
  }

  private static void end(Core core, long interception, int status) {
    if (interception == 0) {
      return;
    }
    try {
      core.interceptEnd(interception, status);
    } catch (RuntimeException | LinkageError e) {
      log.error("Ferry fails after a write of an account; its journal settles it later", e);
    }
  }

  private static Object unwrapped(Object other) {
    if (other != null && Proxy.isProxyClass(other.getClass())) {
      InvocationHandler handler = Proxy.getInvocationHandler(other);
      if (handler instanceof InterceptedRepository) {
        return ((InterceptedRepository) handler).delegate;
      }
    }
    return other;
  }
}
