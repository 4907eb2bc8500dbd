package io.ferry.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * The core's lists for a user who may not see every account.
 *
 * <p>Pages and total count what the user sees. So the core gives all names, which are asked of the
 * policy, and then the accounts of one page.
 */
final class VisibleAccounts {

  /** How the core is asked; {@code target} is path and query. */
  interface Ask {
    Reply of(String method, String target, byte[] body);
  }

  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Predicate<String> visible;
  private final Ask ask;

  VisibleAccounts(Predicate<String> visible, Ask ask) {
    this.visible = visible;
    this.ask = ask;
  }

  /** GET /armory/accounts; {@code query} may be null. */
  Reply accounts(String query) {
    String all = "/ferry/accounts/names";
    Reply reply = ask.of("GET", query == null ? all : all + "?" + query, new byte[0]);
    if (reply.status != 200) {
      return reply;
    }
    ObjectNode answer = (ObjectNode) read(reply);
    List<String> seen = new ArrayList<>();
    for (JsonNode name : answer.remove("names")) {
      if (visible.test(name.asText())) {
        seen.add(name.asText());
      }
    }
    long limit = answer.path("limit").asLong();
    // A page that no list has may be too far for a long.
    long page = Math.min(answer.path("page").asLong(), Integer.MAX_VALUE);
    List<String> names =
        seen.stream().skip((page - 1) * limit).limit(limit).collect(Collectors.toList());
    ArrayNode items = answer.putArray("items");
    if (!names.isEmpty()) {
      Reply shown = ask.of("POST", "/ferry/accounts/items", write(MAPPER.valueToTree(names)));
      if (shown.status != 200) {
        return shown;
      }
      items.addAll((ArrayNode) read(shown));
    }
    answer.put("total", seen.size());
    return new Reply(reply.status, reply.headers, write(answer));
  }

  /** GET /armory/agents, or one of them: with those of its accounts that may be seen. */
  Reply agents(String target) {
    Reply reply = ask.of("GET", target, new byte[0]);
    if (reply.status != 200) {
      return reply;
    }
    JsonNode agents = read(reply);
    for (JsonNode agent : agents.isArray() ? agents : List.of(agents)) {
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
