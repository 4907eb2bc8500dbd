package io.ferry.bridge;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/** A core that notes what it is told and answers as the test says. */
class FakeCore implements Core {

  final List<String> calls = new ArrayList<>();
  RuntimeException failure;
  long interception = 7;
  String metrics = "";
  BiFunction<String, String, Reply> answer = (method, target) -> json("{}");

  static Reply json(String body) {
    return new Reply(
        200,
        new String[] {"Content-Type", "application/json"},
        body.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public long interceptBegin(String method, String path, String[] headers, byte[] body) {
    note("begin", method, path, String.join("=", headers), utf8(body));
    return interception;
  }

  @Override
  public void interceptEnd(long interception, int status) {
    note("end", Long.toString(interception), Integer.toString(status));
  }

  @Override
  public Reply handle(String method, String target, String[] headers, byte[] body) {
    note(method, target);
    return answer.apply(method, target);
  }

  @Override
  public long maxBody() {
    return 1 << 20;
  }

  @Override
  public String metrics() {
    return metrics;
  }

  @Override
  public String notReady() {
    return null;
  }

  @Override
  public void shutdown() {
    note("shutdown");
  }

  private void note(String... words) {
    calls.add(String.join(" ", words).trim());
    if (failure != null) {
      throw failure;
    }
  }

  private static String utf8(byte[] body) {
    return new String(body, StandardCharsets.UTF_8);
  }
}
