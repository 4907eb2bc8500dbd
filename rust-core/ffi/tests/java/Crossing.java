package io.ferry.bridge;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Crosses every native method as the plugin does; arguments: library, configuration's JSON. */
final class Crossing {

  private static final String[] JSON = {"Content-Type", "application/json"};
  private static final byte[] NOTHING = {};

  private Crossing() {}

  public static void main(String[] arguments) throws Exception {
    System.load(arguments[0]);
    byte[] config = utf8(arguments[1]);

    same(NativeCore.abiVersion(), 1);
    long core = NativeCore.start(config);
    check(core > 0, "a handle");
    check(NativeCore.notReady(core) == null, "ready");
    check(NativeCore.grpcAddress(core).startsWith("127.0.0.1:"), "address");
    check(text(NativeCore.metrics(core)).contains("# EOF"), "metrics");
    Reply reply = get(core, "/armory/accounts?limit=5");
    same(reply.status, 200);
    check(text(reply.body).contains("\"total\":0"), text(reply.body));
    same(List.of(reply.headers).contains("content-type"), true);
    reply = get(core, "/armory/äpfel/𝄞%20x");
    same(reply.status, 404);

    intercepts(core);
    fromManyThreads(core);
    arguments(core, config);
    faults(core, config);
    pending(core);
    cost();

    NativeCore.shutdown(core);
    NativeCore.shutdown(core);
    stale(core);
    System.out.println("crossed");
  }

  private static void intercepts(long core) {
    byte[] account = utf8("{\"type\":\"kubernetes\",\"name\":\"one\"}");
    String[] headers = {"X-SPINNAKER-USER", "ann", "Content-Type", "application/json"};
    same(NativeCore.interceptBegin(core, "GET", "/credentials", headers, NOTHING), 0L);
    long write = NativeCore.interceptBegin(core, "POST", "/credentials", headers, account);
    check(write > 0, "an interception");
    NativeCore.interceptEnd(core, write, 200);
    NativeCore.interceptEnd(core, write, 200);
    NativeCore.interceptEnd(core, 0, 200);
    Reply reply = get(core, "/armory/accounts/one");
    check(text(reply.body).contains("INACTIVE"), text(reply.body));
    long forgotten = NativeCore.interceptBegin(core, "DELETE", "/credentials/x", JSON, NOTHING);
    check(forgotten > write, "ids are given out once");
    long refused = NativeCore.interceptBegin(core, "DELETE", "/credentials/y", JSON, NOTHING);
    NativeCore.interceptEnd(core, refused, 404);
    throwsKind("STALE_HANDLE", () -> NativeCore.interceptEnd(core, refused + 1, 200));
    throwsKind("STALE_HANDLE", () -> NativeCore.interceptEnd(core, -1, 200));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.interceptEnd(core, forgotten, 99));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.interceptEnd(core, forgotten, -5));
  }

  private static void fromManyThreads(long core) throws Exception {
    ExecutorService threads = Executors.newFixedThreadPool(32);
    List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      String name = "many-" + i;
      Callable<?> one =
          () -> {
            byte[] body = utf8("{\"type\":\"kubernetes\",\"name\":\"" + name + "\"}");
            long write = NativeCore.interceptBegin(core, "POST", "/credentials", JSON, body);
            NativeCore.interceptEnd(core, write, 200);
            for (int turn = 0; turn < 20; turn++) {
              same(get(core, "/armory/accounts/" + name).status, 200);
              NativeCore.metrics(core);
              throwsKind("STALE_HANDLE", () -> NativeCore.metrics(core + 1000));
            }
            return null;
          };
      running.add(threads.submit(one));
    }
    for (Future<?> one : running) {
      one.get();
    }
    threads.shutdown();
  }

  private static void arguments(long core, byte[] config) {
    String[] none = {};
    throwsKind("BAD_ARGUMENT", () -> NativeCore.start(null));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.start(NOTHING));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.start(utf8("[]")));
    throwsKind("CONFIG", () -> NativeCore.start(utf8("{\"properties\":{\"kubesvc.x\":\"1\"}}")));
    String taken = NativeCore.grpcAddress(core).split(":")[1];
    String port = text(config).replace(".port\":\"0\"", ".port\":\"" + taken + "\"");
    throwsKind("LISTEN", () -> NativeCore.start(utf8(port)));
    String folder = text(config).replace("/clouddriver.db", "/none/ferry.db");
    throwsKind("DATABASE", () -> NativeCore.start(utf8(folder)));
    String key =
        text(config)
            .replace(
                "\"properties\":{", "\"properties\":{\"kubesvc.secrets.keyFile\":\"/none/key\",");
    throwsKind("KEY_FILE", () -> NativeCore.start(utf8(key)));
    String garbage = text(config).replace("/clouddriver.db", "/garbage.db");
    throwsKind("DATABASE", () -> NativeCore.start(utf8(garbage)));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, null, "/", none, NOTHING));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "GET", null, none, NOTHING));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "GET", "/", null, NOTHING));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "GET", "/", none, null));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "G T", "/", none, NOTHING));
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "GET", "/ /", none, NOTHING));
    String[] odd = {"Accept"};
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "GET", "/", odd, NOTHING));
    String[] empty = {"Accept", null};
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "GET", "/", empty, NOTHING));
    String[] wrong = {"Acc ept", "x"};
    throwsKind("BAD_ARGUMENT", () -> NativeCore.handle(core, "GET", "/", wrong, NOTHING));
    String[] many = new String[2000];
    for (int i = 0; i < many.length; i += 2) {
      many[i] = "X-" + i;
      many[i + 1] = "v";
    }
    same(NativeCore.handle(core, "GET", "/armory/agents", many, NOTHING).status, 200);
    same(NativeCore.handle(core, "POST", "/armory/accounts", JSON, new byte[1 << 20]).status, 400);
  }

  /** Every method panics and fails on demand, on this thread and in its task. */
  private static void faults(long core, byte[] config) {
    for (Verb verb : verbs(core, config)) {
      Fault.arm(verb.name, "panic");
      throwsKind("PANIC", verb.call);
      Fault.arm(verb.name, "error");
      throwsKind("INTERNAL", verb.call);
      if (verb.hasTask) {
        Fault.arm(verb.name, "task-panic");
        throwsKind("PANIC", verb.call);
      }
    }
    same(get(core, "/armory/accounts/one").status, 200);
  }

  private static void stale(long core) {
    for (Verb verb : verbs(core, NOTHING)) {
      if (verb.hasTask && !verb.name.equals("start")) {
        throwsKind("STALE_HANDLE", verb.call);
      }
    }
    for (long never : new long[] {0, -1, core + 1000, Long.MIN_VALUE, Long.MAX_VALUE}) {
      throwsKind("STALE_HANDLE", () -> NativeCore.shutdown(never));
      throwsKind("STALE_HANDLE", () -> NativeCore.grpcAddress(never));
    }
  }

  private static final class Verb {
    final String name;
    final boolean hasTask;
    final Runnable call;

    Verb(String name, boolean hasTask, Runnable call) {
      this.name = name;
      this.hasTask = hasTask;
      this.call = call;
    }
  }

  private static List<Verb> verbs(long core, byte[] config) {
    return List.of(
        new Verb("abiVersion", false, () -> NativeCore.abiVersion()),
        new Verb("start", true, () -> NativeCore.start(config)),
        new Verb(
            "interceptBegin",
            true,
            () -> NativeCore.interceptBegin(core, "DELETE", "/credentials/z", JSON, NOTHING)),
        new Verb("interceptEnd", true, () -> NativeCore.interceptEnd(core, 1, 0)),
        new Verb("handle", true, () -> get(core, "/armory/agents")),
        new Verb("metrics", true, () -> NativeCore.metrics(core)),
        new Verb("notReady", true, () -> NativeCore.notReady(core)),
        new Verb("grpcAddress", true, () -> NativeCore.grpcAddress(core)),
        new Verb("maxBody", true, () -> NativeCore.maxBody(core)),
        new Verb("shutdown", false, () -> NativeCore.shutdown(core)));
  }

  /** An exception of the JVM itself comes through as it is. */
  private static void pending(long core) {
    try {
      Fault.pend(new IllegalStateException("mine"));
      throw new AssertionError("nothing was thrown");
    } catch (IllegalStateException mine) {
      same(mine.getMessage(), "mine");
    }
  }

  private static void cost() {
    int turns = 200_000;
    for (int i = 0; i < turns; i++) {
      NativeCore.abiVersion();
    }
    long began = System.nanoTime();
    for (int i = 0; i < turns; i++) {
      NativeCore.abiVersion();
    }
    System.out.println("abiVersion " + (System.nanoTime() - began) / turns + " ns");
  }

  private static Reply get(long core, String target) {
    return NativeCore.handle(core, "GET", target, JSON, NOTHING);
  }

  private static void throwsKind(String kind, Runnable call) {
    try {
      call.run();
    } catch (FerryException e) {
      check(e.kind.equals(kind), kind + " expected, but " + e.kind + ": " + e.getMessage());
      check(!e.getMessage().isEmpty(), "a message");
      check(e.getCause() == null && e.getSuppressed().length == 0, "one exception");
      return;
    }
    throw new AssertionError(kind + " expected, but nothing was thrown");
  }

  private static void same(Object is, Object should) {
    check(is.equals(should), is + " instead of " + should);
  }

  private static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
