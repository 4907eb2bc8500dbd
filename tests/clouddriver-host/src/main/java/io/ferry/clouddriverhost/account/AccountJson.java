package io.ferry.clouddriverhost.account;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * Definitions are equal when their JSON is.
 *
 * <p>The credentials loader compares the definition it loaded with the stored one at every poll;
 * one that differs is loaded again.
 */
abstract class AccountJson {

  private static final ObjectMapper MAPPER = new ObjectMapper();

  @Override
  public final boolean equals(Object other) {
    return other != null && getClass() == other.getClass() && json(this).equals(json(other));
  }

  @Override
  public final int hashCode() {
    return json(this).hashCode();
  }

  private static JsonNode json(Object definition) {
    return MAPPER.valueToTree(definition);
  }
}
