package io.ferry.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;
import org.springframework.web.util.UriUtils;

/**
 * The core's lists for a user who may not see every account.
 *
 * <p>Pages and total count what the user sees. So the core gives all names, some at a time, which
 * are asked of the policy, and then the accounts of one page: no more names are kept than it has.
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
    String all = "/ferry/accounts/names?" + (query == null ? "" : query + "&");
    List<String> names = new ArrayList<>();
    long seen = 0;
    ObjectNode answer = null;
    String[] headers = {};
    for (String after = ""; answer == null || answer.path("more").asBoolean(); ) {
      String target = all + "after=" + UriUtils.encode(after, StandardCharsets.UTF_8);
      Reply reply = ask.of("GET", target, new byte[0]);
      if (reply.status != 200) {
        return reply;
      }
      answer = (ObjectNode) read(reply);
      headers = reply.headers;
      long limit = answer.path("limit").asLong();
      // A page that no list has may be too far for a long.
      long before = (Math.min(answer.path("page").asLong(), Integer.MAX_VALUE) - 1) * limit;
      for (JsonNode node : answer.remove("names")) {
        after = node.asText();
        if (visible.test(after) && ++seen > before && names.size() < limit) {
          names.add(after);
        }
      }
    }
    answer.remove("more");
    ArrayNode items = answer.putArray("items");
    if (!names.isEmpty()) {
      Reply shown = ask.of("POST", "/ferry/accounts/items", write(MAPPER.valueToTree(names)));
      if (shown.status != 200) {
        return shown;
      }
      items.addAll((ArrayNode) read(shown));
    }
    answer.put("total", seen);
    return new Reply(200, headers, write(answer));
  }

  /** GET /armory/agents, or one of them: with those of its accounts that may be seen. */
  Reply agents(String target) {
    Reply reply = ask.of("GET", target, new byte[0]);
    if (reply.status != 200) {
      return reply;
    }
    JsonNode agents = read(reply);
    for (JsonNode node : agents.isArray() ? agents : List.of(agents)) {
      ObjectNode agent = (ObjectNode) node;
      agent.set("accounts", seen(agent.path("accounts"), JsonNode::asText));
      ArrayNode ignored = seen(agent.path("ignoredAccounts"), of -> of.path("name").asText());
      // As the core has it, only where there are some.
      agent.remove("ignoredAccounts");
      if (!ignored.isEmpty()) {
        agent.set("ignoredAccounts", ignored);
      }
    }
    return new Reply(reply.status, reply.headers, write(agents));
  }

  private ArrayNode seen(JsonNode accounts, Function<JsonNode, String> name) {
    ArrayNode seen = MAPPER.createArrayNode();
    for (JsonNode account : accounts) {
      if (visible.test(name.apply(account))) {
        seen.add(account);
      }
    }
    return seen;
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
