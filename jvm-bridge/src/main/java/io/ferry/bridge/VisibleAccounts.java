package io.ferry.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The core's lists for a user who may not see every account.
 *
 * <p>Pages count what the user sees, so all pages of the core are read for one of theirs.
 */
final class VisibleAccounts {

  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int LARGEST_PAGE = 1000;

  private final Predicate<String> visible;
  private final Function<String, Reply> get;

  /** {@code get} asks the core for a target: path and query. */
  VisibleAccounts(Predicate<String> visible, Function<String, Reply> get) {
    this.visible = visible;
    this.get = get;
  }

  /** GET /armory/accounts; {@code query} may be null. */
  Reply accounts(String path, String query) {
    Reply asked = get.apply(query == null ? path : path + "?" + query);
    if (asked.status != 200) {
      return asked;
    }
    ObjectNode answer = (ObjectNode) read(asked);
    List<JsonNode> seen = new ArrayList<>();
    String others =
        Stream.of((query == null ? "" : query).split("&"))
            .filter(pair -> !pair.isEmpty() && !pair.matches("(page|limit)(=.*)?"))
            .map(pair -> pair + "&")
            .collect(Collectors.joining());
    int total;
    int page = 1;
    do {
      Reply reply = get.apply(path + "?" + others + "page=" + page + "&limit=" + LARGEST_PAGE);
      if (reply.status != 200) {
        return reply;
      }
      JsonNode all = read(reply);
      for (JsonNode item : all.path("items")) {
        if (visible.test(item.path("name").asText())) {
          seen.add(item);
        }
      }
      total = all.path("total").asInt();
    } while (page++ * LARGEST_PAGE < total);
    ArrayNode items = answer.putArray("items");
    long limit = answer.path("limit").asLong();
    seen.stream()
        .skip(Math.max(0, (answer.path("page").asLong() - 1) * limit))
        .limit(limit)
        .forEach(items::add);
    answer.put("total", seen.size());
    return new Reply(asked.status, asked.headers, write(answer));
  }

  /** GET /armory/agents: every agent, with those of its accounts that may be seen. */
  Reply agents(String target) {
    Reply reply = get.apply(target);
    if (reply.status != 200) {
      return reply;
    }
    JsonNode agents = read(reply);
    for (JsonNode agent : agents) {
      ArrayNode kept = MAPPER.createArrayNode();
      for (JsonNode account : agent.path("accounts")) {
        if (visible.test(account.asText())) {
          kept.add(account);
        }
      }
      ((ObjectNode) agent).replace("accounts", kept);
    }
    return new Reply(reply.status, reply.headers, write(agents));
  }

  private static JsonNode read(Reply reply) {
    try {
      return MAPPER.readTree(reply.body);
    } catch (IOException e) {
      throw new FerryException("INTERNAL", "the core's answer is not JSON: " + e.getMessage());
    }
  }

  private static byte[] write(JsonNode answer) {
    try {
      return MAPPER.writeValueAsBytes(answer);
    } catch (IOException e) {
      throw new FerryException("INTERNAL", "an answer cannot be written: " + e.getMessage());
    }
  }
}
