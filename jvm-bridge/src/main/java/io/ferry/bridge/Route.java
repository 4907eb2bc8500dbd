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
    String account = account(segments);
    if (!method.equals("GET")) {
      return new Route(Kind.MANAGEMENT, account);
    }
    if (segments.equals(List.of("armory", "accounts"))) {
      return new Route(Kind.ACCOUNTS, null);
    }
    if (segments.equals(List.of("armory", "agents"))) {
      return new Route(Kind.AGENTS, null);
    }
    return new Route(account == null ? Kind.MANAGEMENT : Kind.ACCOUNT, account);
  }

  private static String account(List<String> segments) {
    int size = segments.size();
    List<String> parents = segments.subList(0, size - 1);
    return parents.equals(List.of("armory", "accounts"))
            || parents.equals(List.of("agents", "kubernetes", "accounts"))
        ? segments.get(size - 1)
        : null;
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
