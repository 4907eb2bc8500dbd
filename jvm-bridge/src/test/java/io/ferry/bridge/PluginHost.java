package io.ferry.bridge;

import io.ferry.clouddriverhost.HostProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Starts hosts with the plugin, as someone would install it. */
final class PluginHost {

  /** The plugin with the native libraries that were built. */
  static final String JAR = "ferry.jar";

  static final String BARE_JAR = "ferry.bareJar";
  static final String BUNDLE = "ferry.bundle";

  private PluginHost() {}

  /** {@code archive}: the system property that names it; {@code plugins}: an empty folder. */
  static HostProcess start(String archive, Path plugins, String... arguments) {
    install(archive, plugins);
    List<String> all = new ArrayList<>();
    all.addAll(Database.properties());
    all.add("--spinnaker.extensibility.plugins-root-path=" + plugins);
    all.add("--spinnaker.extensibility.plugins.Ferry.Accounts.enabled=true");
    all.add("--kubesvc.grpc.server.address=127.0.0.1");
    all.add("--kubesvc.grpc.server.port=0");
    Collections.addAll(all, arguments);
    return HostProcess.start(all.toArray(String[]::new));
  }

  static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void install(String archive, Path plugins) {
    Path file = Path.of(System.getProperty(archive));
    try {
      Files.copy(file, plugins.resolve(file.getFileName()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
