package io.ferry.bridge;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * The accounts that a request's body names: an object with a name or with names, or an array of
 * objects with a name, or of names.
 *
 * <p>What two readers of JSON could take for different names is refused.
 */
final class Names {

  private static final ObjectMapper MAPPER =
      new ObjectMapper()
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private Names() {}

  /** Throws when the body is not JSON; an empty one names nobody. */
  static List<String> in(byte[] body) throws IOException {
    List<String> names = new ArrayList<>();
    if (body.length > 0) {
      JsonNode root = MAPPER.readTree(body);
      root.path("names").forEach(name -> names.add(name.asText()));
      for (JsonNode entry : root.isArray() ? root : List.of(root)) {
        JsonNode name = entry.isObject() ? entry.path("name") : entry;
        if (name.isTextual()) {
          names.add(name.asText());
        }
      }
    }
    return names;
  }
}
