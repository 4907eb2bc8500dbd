package io.ferry.clouddriverhost;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.springframework.boot.Banner;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.boot.web.context.WebServerApplicationContext;
import org.springframework.context.ApplicationListener;
import org.springframework.core.env.Environment;
import org.springframework.util.FileSystemUtils;

/**
 * Starts the stand-in for Clouddriver as a process of its own.
 *
 * <p>Configuration is read as Clouddriver reads it: spinnaker.yml and clouddriver.yml from the
 * class path, the working directory and {@code --spring.config.additional-location}, then arguments
 * of the form {@code --key=value}. Standard output carries one line, once requests are served: {@code
 * {"url":"http://127.0.0.1:PORT","pid":N}}. Logs go to standard error.
 * Files go to a directory that is deleted at the end, unless {@code host.data-dir} names another one
 * for the database.
 */
public final class HostMain {

  private HostMain() {}

  public static void main(String[] args) throws IOException {
    Path scratch = Files.createTempDirectory("clouddriver-host");
    SpringApplication.getShutdownHandlers()
        .add(() -> FileSystemUtils.deleteRecursively(scratch.toFile()));
    new SpringApplicationBuilder(HostApplication.class)
        .web(WebApplicationType.SERVLET)
        .bannerMode(Banner.Mode.OFF)
        .properties(
            Map.of(
                "spring.application.name", "clouddriver",
                "spring.config.name", "spinnaker,clouddriver",
                "server.tomcat.basedir", scratch.resolve("tomcat").toString(),
                "host.data-dir", scratch.toString(),
                "host.exit-with-stdin", "false"))
        .listeners((ApplicationListener<ApplicationReadyEvent>) HostMain::announce)
        .run(args);
  }

  private static void announce(ApplicationReadyEvent ready) {
    Environment environment = ready.getApplicationContext().getEnvironment();
    int port =
        ((WebServerApplicationContext) ready.getApplicationContext()).getWebServer().getPort();
    System.out.printf(
        "{\"url\":\"http://%s:%d\",\"pid\":%d}%n",
        environment.getRequiredProperty("server.address"), port, ProcessHandle.current().pid());
    System.out.flush();
    if (environment.getRequiredProperty("host.exit-with-stdin", Boolean.class)) {
      exitWithStdin();
    }
  }

  /** Ends with whoever started this process, even if killed: their end of the pipe closes. */
  private static void exitWithStdin() {
    Thread watcher =
        new Thread(
            () -> {
              try {
                System.in.transferTo(OutputStream.nullOutputStream());
              } catch (IOException e) {
                System.err.println("standard input failed, exiting: " + e);
              }
              System.exit(0);
            },
            "exit-with-stdin");
    watcher.setDaemon(true);
    watcher.start();
  }
}
