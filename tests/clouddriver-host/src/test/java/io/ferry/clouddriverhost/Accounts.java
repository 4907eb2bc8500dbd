package io.ferry.clouddriverhost;

/** Account definitions to send. */
public final class Accounts {

  private Accounts() {}

  public static String kubernetes(String name) {
    return kubernetes(name, "one");
  }

  public static String kubernetes(String name, String context) {
    return String.format(
        "{\"type\":\"kubernetes\",\"name\":\"%s\",\"context\":\"%s\","
            + "\"kubeconfigContents\":\"apiVersion: v1\",\"namespaces\":[\"default\"]}",
        name, context);
  }

  public static String dockerRegistry(String name) {
    return String.format(
        "{\"type\":\"dockerRegistry\",\"name\":\"%s\",\"address\":\"registry.test\"}", name);
  }
}
