package io.ferry.bridge;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.DisposableBean;

/**
 * The core's metrics in Clouddriver's registry: read from time to time, since which labels there are
 * is known only then.
 */
final class FerryMeters implements MeterBinder, DisposableBean {

  private static final Logger log = LoggerFactory.getLogger(FerryMeters.class);
  private static final Pattern SAMPLE =
      Pattern.compile("^([a-zA-Z_:][\\w:]*)(?:\\{(.*)\\})? (\\S+)$", Pattern.MULTILINE);
  private static final Pattern LABEL = Pattern.compile("(\\w+)=\"((?:[^\"\\\\]|\\\\.)*)\"");

  /** What Armory's plugin calls in its documents by a name with dots. */
  private static final Map<String, String> DOTTED =
      Map.of("kubesvc_ops_processTime", "kubesvc.ops.processTime");

  private final Supplier<Core> core;
  private final List<MeterRegistry> registries = new CopyOnWriteArrayList<>();
  private final Map<String, Double> values = new ConcurrentHashMap<>();
  private final ScheduledExecutorService reader =
      Executors.newSingleThreadScheduledExecutor(FerryMeters::daemon);

  FerryMeters(Supplier<Core> core, long periodMillis) {
    this.core = core;
    reader.scheduleWithFixedDelay(this::read, periodMillis, periodMillis, TimeUnit.MILLISECONDS);
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    registries.add(registry);
  }

  void read() {
    try {
      Matcher sample = SAMPLE.matcher(core.get().metrics());
      while (sample.find()) {
        String labels = sample.group(2) == null ? "" : sample.group(2);
        String name = sample.group(1);
        if (values.put(id(name, labels), Double.valueOf(sample.group(3))) == null) {
          register(name, labels);
        }
      }
    } catch (RuntimeException e) {
      log.debug("Ferry's metrics cannot be read now", e);
    }
  }

  /** Times are one meter, of their count and sum: a timer that keeps no buckets. */
  private void register(String name, String labels) {
    String id = id(name, labels);
    List<Tag> tags = tags(labels);
    for (MeterRegistry registry : registries) {
      if (name.endsWith("_total")) {
        FunctionCounter.builder(without(name, "_total"), values, all -> all.get(id))
            .tags(tags)
            .register(registry);
      } else if (name.endsWith("_seconds_count")) {
        String timed = without(name, "_seconds_count");
        String sum = id(timed + "_seconds_sum", labels);
        FunctionTimer.builder(
                DOTTED.getOrDefault(timed, timed),
                values,
                all -> all.get(id).longValue(),
                all -> all.getOrDefault(sum, 0.0),
                TimeUnit.SECONDS)
            .tags(tags)
            .register(registry);
      } else if (!name.endsWith("_seconds_sum") && !name.endsWith("_seconds_bucket")) {
        Gauge.builder(name, values, all -> all.get(id)).tags(tags).register(registry);
      }
    }
  }

  private static String id(String name, String labels) {
    return name + "{" + labels + "}";
  }

  private static String without(String name, String end) {
    return name.substring(0, name.length() - end.length());
  }

  private static List<Tag> tags(String labels) {
    List<Tag> tags = new ArrayList<>();
    Matcher label = LABEL.matcher(labels);
    while (label.find()) {
      tags.add(Tag.of(label.group(1), label.group(2)));
    }
    return tags;
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "ferry-meters");
    thread.setDaemon(true);
    return thread;
  }

  @Override
  public void destroy() {
    reader.shutdownNow();
  }
}
