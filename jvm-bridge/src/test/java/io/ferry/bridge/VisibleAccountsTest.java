package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.springframework.web.util.UriComponentsBuilder;

/** A user's pages of a list of 2,500 accounts of which every tenth may be seen. */
class VisibleAccountsTest {

  private static final ObjectMapper MAPPER = new ObjectMapper();
  private final List<String> asked = new ArrayList<>();
  private final VisibleAccounts visible =
      new VisibleAccounts(name -> name.endsWith("0"), this::page);

  @Test
  void pagesAndTotalCountWhatIsSeen() throws Exception {
    JsonNode answer = accounts("page=3&limit=100&zoneId=z");
    assertEquals(250, answer.path("total").asInt());
    assertEquals(3, answer.path("page").asInt());
    assertEquals(100, answer.path("limit").asInt());
    assertEquals(50, answer.path("items").size());
    assertEquals("account-2000", answer.at("/items/0/name").asText());
    assertEquals("account-2490", answer.at("/items/49/name").asText());
    assertEquals("kept", answer.path("warnings").asText());
    assertEquals(
        List.of(
            "/armory/accounts?page=3&limit=100&zoneId=z",
            "/armory/accounts?zoneId=z&page=1&limit=1000",
            "/armory/accounts?zoneId=z&page=2&limit=1000",
            "/armory/accounts?zoneId=z&page=3&limit=1000"),
        asked);
  }

  @Test
  void withoutAQueryTheCoresDefaultsCount() throws Exception {
    JsonNode answer = accounts(null);
    assertEquals(1, answer.path("page").asInt());
    assertEquals(100, answer.path("items").size());
    assertEquals("account-0", answer.at("/items/0/name").asText());
  }

  @Test
  void aPagePastTheEndIsEmpty() throws Exception {
    assertEquals(0, accounts("page=4").path("items").size());
  }

  @Test
  void whatTheCoreRefusesIsItsAnswer() {
    Reply refusal = new Reply(400, new String[0], new byte[0]);
    VisibleAccounts refused = new VisibleAccounts(name -> true, target -> refusal);
    assertSame(refusal, refused.accounts("/armory/accounts", "page=0"));
    assertSame(refusal, refused.agents("/armory/agents"));
  }

  @Test
  void agentsAreShownWithTheAccountsThatAreSeen() {
    String agents = "[{\"accounts\":[\"a1\",\"a10\"],\"agentId\":\"x\"},{\"accounts\":[]}]";
    VisibleAccounts visible =
        new VisibleAccounts(name -> name.endsWith("0"), target -> FakeCore.json(agents));
    assertEquals(
        "[{\"accounts\":[\"a10\"],\"agentId\":\"x\"},{\"accounts\":[]}]",
        new String(visible.agents("/armory/agents").body));
  }

  private JsonNode accounts(String query) throws Exception {
    return MAPPER.readTree(visible.accounts("/armory/accounts", query).body);
  }

  private Reply page(String target) {
    asked.add(target);
    var query = UriComponentsBuilder.fromUriString(target).build().getQueryParams();
    int page = query.containsKey("page") ? Integer.parseInt(query.getFirst("page")) : 1;
    int limit = query.containsKey("limit") ? Integer.parseInt(query.getFirst("limit")) : 100;
    String items =
        IntStream.range((page - 1) * limit, Math.min(page * limit, 2500))
            .mapToObj(number -> "{\"name\":\"account-" + number + "\"}")
            .collect(Collectors.joining(","));
    return FakeCore.json(
        String.format(
            "{\"items\":[%s],\"limit\":%d,\"page\":%d,\"total\":2500,\"warnings\":\"kept\"}",
            items, limit, page));
  }
}
