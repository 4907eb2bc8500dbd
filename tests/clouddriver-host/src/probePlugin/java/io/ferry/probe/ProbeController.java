package io.ferry.probe;

import java.util.List;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Tells what {@link WriteProbe} has seen. */
@RestController
public class ProbeController {

  private final WriteProbe probe;

  public ProbeController(WriteProbe probe) {
    this.probe = probe;
  }

  @GetMapping("/probe/writes")
  public List<String> writes() {
    return probe.writes;
  }
}
