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

  /** Of {@link Kind#ACCOUNT}, else null. */
  final String account;

  private Route(Kind kind, String account) {
    this.kind = kind;
    this.account = account;
  }

  /** {@code path}: as received, percent-encoding kept. */
  static Route of(String method, String path) {
    List<String> segments = segments(path);
    int size = segments.size();
    if (!method.equals("GET") || size < 2) {
      return new Route(Kind.MANAGEMENT, null);
    }
    if (segments.equals(List.of("armory", "accounts"))) {
      return new Route(Kind.ACCOUNTS, null);
    }
    if (segments.equals(List.of("armory", "agents"))) {
      return new Route(Kind.AGENTS, null);
    }
    List<String> parents = segments.subList(0, size - 1);
    if (parents.equals(List.of("armory", "accounts"))
        || parents.equals(List.of("agents", "kubernetes", "accounts"))) {
      return new Route(Kind.ACCOUNT, segments.get(size - 1));
    }
    return new Route(Kind.MANAGEMENT, null);
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
