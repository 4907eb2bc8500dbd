package io.ferry.bridge;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Set;
import org.springframework.http.ResponseEntity;

/** Answers as Spring sends them: the core's, and refusals in Clouddriver's shape of an error. */
final class Answers {

  private static final DateTimeFormatter TIMESTAMP =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSxxx");

  /** Set by the servlet container itself. */
  private static final Set<String> OF_THE_CONNECTION =
      Set.of("connection", "content-length", "transfer-encoding");

  private Answers() {}

  static ResponseEntity<byte[]> of(Reply reply) {
    ResponseEntity.BodyBuilder answer = ResponseEntity.status(reply.status);
    for (int i = 0; i + 1 < reply.headers.length; i += 2) {
      if (!OF_THE_CONNECTION.contains(reply.headers[i].toLowerCase(Locale.ROOT))) {
        answer.header(reply.headers[i], reply.headers[i + 1]);
      }
    }
    // Spring gives even an empty body a type.
    return reply.body.length == 0 ? answer.build() : answer.body(reply.body);
  }

  static ResponseEntity<byte[]> bad(String message) {
    return error(
        400,
        "Bad Request",
        "com.netflix.spinnaker.kork.web.exceptions.InvalidRequestException",
        message);
  }

  static ResponseEntity<byte[]> forbidden(String message) {
    return error(
        403, "Forbidden", "org.springframework.security.access.AccessDeniedException", message);
  }

  static ResponseEntity<byte[]> notJournaled(NotJournaled refused) {
    if (refused.forEver) {
      return bad(refused.getMessage());
    }
    return error(
        503,
        "Service Unavailable",
        "io.ferry.NotJournaled",
        refused.getMessage(),
        "Retry-After",
        "5");
  }

  static ResponseEntity<byte[]> unavailable(FerryException cause) {
    return error(
        503,
        "Service Unavailable",
        FerryException.class.getName(),
        "Ferry cannot answer: " + cause.getMessage());
  }

  private static ResponseEntity<byte[]> error(
      int status, String error, String exception, String message, String... header) {
    ObjectNode body = new ObjectMapper().createObjectNode();
    body.put("error", error)
        .put("exception", exception)
        .put("message", message)
        .put("status", status)
        .put("timestamp", TIMESTAMP.format(OffsetDateTime.now(ZoneOffset.UTC)));
    ResponseEntity.BodyBuilder answer =
        ResponseEntity.status(status).header("Content-Type", "application/json");
    if (header.length == 2) {
      answer.header(header[0], header[1]);
    }
    return answer.body(body.toString().getBytes(StandardCharsets.UTF_8));
  }
}
