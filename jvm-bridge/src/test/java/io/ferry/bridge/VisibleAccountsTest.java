package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.springframework.web.util.UriComponentsBuilder;

/** A user's pages of a list of 2,500 accounts of which every tenth may be seen. */
class VisibleAccountsTest {

  private static final ObjectMapper MAPPER = new ObjectMapper();
  private final List<String> asked = new ArrayList<>();
  private final VisibleAccounts visible =
      new VisibleAccounts(name -> name.endsWith("0"), this::core);
  private String gone;

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
            "GET /ferry/accounts/names?page=3&limit=100&zoneId=z&after= 0",
            "GET /ferry/accounts/names?page=3&limit=100&zoneId=z&after=account-999 0",
            "GET /ferry/accounts/names?page=3&limit=100&zoneId=z&after=account-1999 0",
            "POST /ferry/accounts/items 50"),
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
    assertEquals(0, accounts("page=" + Long.MAX_VALUE).path("items").size());
    assertEquals(6, asked.size());
  }

  @Test
  void anAccountThatIsGoneMeanwhileIsLeftOut() throws Exception {
    gone = "account-10";
    JsonNode answer = accounts(null);
    assertEquals(99, answer.path("items").size());
    assertEquals(250, answer.path("total").asInt());
  }

  @Test
  void whatTheCoreRefusesIsItsAnswer() {
    Reply refusal = new Reply(400, new String[0], new byte[0]);
    VisibleAccounts refused = new VisibleAccounts(name -> true, (method, target, body) -> refusal);
    assertSame(refusal, refused.accounts("page=0"));
    assertSame(refusal, refused.agents("/armory/agents"));
  }

  @Test
  void agentsAreShownWithTheAccountsThatAreSeen() {
    assertEquals(
        "[{\"accounts\":[\"a10\"],\"agentId\":\"x\"},{\"accounts\":[]}]",
        agents("[{\"accounts\":[\"a1\",\"a10\"],\"agentId\":\"x\"},{\"accounts\":[]}]"));
  }

  @Test
  void ofIgnoredAccountsThoseAreShownThatAreSeen() {
    String seen = "{\"name\":\"a10\",\"reason\":\"r\"}";
    String other = "{\"name\":\"a1\",\"reason\":\"r\"}";
    String agent = "{\"accounts\":[],\"ignoredAccounts\":[%s]}";
    assertEquals(
        String.format(agent, seen), agents(String.format(agent, String.join(",", other, seen))));
    assertEquals("{\"accounts\":[]}", agents(String.format(agent, other)));
  }

  /** What is shown of these agents. */
  private static String agents(String agents) {
    VisibleAccounts visible =
        new VisibleAccounts(
            name -> name.endsWith("0"), (method, target, body) -> FakeCore.json(agents));
    return new String(visible.agents("/armory/agents").body);
  }

  private JsonNode accounts(String query) throws Exception {
    return MAPPER.readTree(visible.accounts(query).body);
  }

  private Reply core(String method, String target, byte[] body) {
    JsonNode names = read(body);
    asked.add(method + " " + target + " " + names.size());
    if (method.equals("POST")) {
      return FakeCore.json(
          StreamSupport.stream(names.spliterator(), false)
              .filter(name -> !name.asText().equals(gone))
              .map(name -> "{\"name\":" + name + "}")
              .collect(Collectors.joining(",", "[", "]")));
    }
    var query = UriComponentsBuilder.fromUriString(target).build().getQueryParams();
    String after = query.getFirst("after");
    int first = after.isEmpty() ? 0 : Integer.parseInt(after.substring("account-".length())) + 1;
    int end = Math.min(first + 1000, 2500);
    String next =
        IntStream.range(first, end)
            .mapToObj(number -> "\"account-" + number + "\"")
            .collect(Collectors.joining(","));
    return FakeCore.json(
        String.format(
            "{\"names\":[%s],\"more\":%s,\"limit\":%s,\"page\":%s,\"warnings\":\"kept\"}",
            next,
            end < 2500,
            query.getOrDefault("limit", List.of("100")).get(0),
            query.getOrDefault("page", List.of("1")).get(0)));
  }

  private static JsonNode read(byte[] body) {
    try {
      return MAPPER.readTree(body);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
