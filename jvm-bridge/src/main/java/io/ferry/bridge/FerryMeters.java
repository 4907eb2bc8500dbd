package io.ferry.bridge;

import io.micrometer.core.instrument.FunctionCounter;
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
        String id = sample.group(1) + "{" + labels + "}";
        if (values.put(id, Double.valueOf(sample.group(3))) == null) {
          register(sample.group(1), tags(labels), id);
        }
      }
    } catch (RuntimeException e) {
      log.debug("Ferry's metrics cannot be read now", e);
    }
  }

  private void register(String name, List<Tag> tags, String id) {
    for (MeterRegistry registry : registries) {
      if (name.endsWith("_total")) {
        String counted = name.substring(0, name.length() - "_total".length());
        FunctionCounter.builder(counted, values, all -> all.get(id)).tags(tags).register(registry);
      } else {
        Gauge.builder(name, values, all -> all.get(id)).tags(tags).register(registry);
      }
    }
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
