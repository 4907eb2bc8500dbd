package io.ferry.bridge;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.springframework.web.util.UriUtils;

/**
 * What a request is about, as far as authorization has to know.
 *
 * <p>Whatever is not known to be a read counts as {@link Kind#MANAGEMENT}: a route that the core
 * gets later is closed until it is let in here.
 */
final class Route {

  enum Kind {
    /** GET /armory/accounts. */
    ACCOUNTS,
    /** GET of one account. */
    ACCOUNT,
    /** GET /armory/agents. */
    AGENTS,
    /** GET of one agent. */
    AGENT,
    /** What is no secret and no account's: GET /armory/openapi.json. */
    PUBLIC,
    /** Anything else. */
    MANAGEMENT
  }

  final Kind kind;

  /** The account in the path, or null. */
  final String account;

  private Route(Kind kind, String account) {
    this.kind = kind;
    this.account = account;
  }

  /** {@code path}: as received, percent-encoding kept. */
  static Route of(String method, String path) {
    List<String> segments = segments(path);
    boolean batch = segments.equals(List.of("armory", "accounts", "dynamic")) || isRollback(segments);
    boolean named = !batch || method.equals("GET") || method.equals("DELETE");
    String account = named ? account(segments) : null;
    if (!method.equals("GET")) {
      return new Route(Kind.MANAGEMENT, account);
    }
    if (segments.equals(List.of("armory", "accounts"))) {
      return new Route(Kind.ACCOUNTS, null);
    }
    if (segments.equals(List.of("armory", "agents"))) {
      return new Route(Kind.AGENTS, null);
    }
    if (segments.equals(List.of("armory", "openapi.json"))) {
      return new Route(Kind.PUBLIC, null);
    }
    if (segments.size() == 3 && segments.subList(0, 2).equals(List.of("armory", "agents"))) {
      return new Route(Kind.AGENT, null);
    }
    return new Route(account == null ? Kind.MANAGEMENT : Kind.ACCOUNT, account);
  }

  /** Whether it may be about all accounts of a zone, whose names it does not say. */
  static boolean isRollback(String path) {
    return isRollback(segments(path));
  }

  private static boolean isRollback(List<String> segments) {
    return segments.equals(List.of("armory", "accounts", "rollback"));
  }

  private static String account(List<String> segments) {
    int size = segments.size();
    boolean part =
        size == 4
                && startsWith(segments, "armory", "accounts")
                && List.of("audit", "scan").contains(segments.get(3))
            || size == 5
                && startsWith(segments, "agents", "kubernetes", "accounts")
                && segments.get(4).equals("namespaces");
    if (part) {
      return segments.get(size - 2);
    }
    List<String> parents = segments.subList(0, size - 1);
    return parents.equals(List.of("armory", "accounts"))
            || parents.equals(List.of("agents", "kubernetes", "accounts"))
        ? segments.get(size - 1)
        : null;
  }

  private static boolean startsWith(List<String> segments, String... first) {
    return segments.subList(0, first.length).equals(List.of(first));
  }

  /** As the core takes a path apart: slashes at its ends cut off, then each segment decoded. */
  private static List<String> segments(String path) {
    String trimmed = path.replaceAll("^/+|/+$", "");
    List<String> segments = new ArrayList<>();
    for (String segment : trimmed.split("/", -1)) {
      segments.add(UriUtils.decode(segment, StandardCharsets.UTF_8));
    }
    return segments;
  }
}
