package io.ferry.clouddriverhost;

import com.netflix.spinnaker.fiat.shared.FiatService;
import java.lang.reflect.Proxy;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Fiat as it is in a Clouddriver without it: the security beans are all there, nobody is called.
 *
 * <p>The real configuration would build an HTTP client for a service that never answers; this one
 * fails if anything asks it.
 */
@Configuration(proxyBeanMethods = false)
class FiatOff {

  @Bean
  FiatService fiatService() {
    return (FiatService)
        Proxy.newProxyInstance(
            FiatService.class.getClassLoader(),
            new Class<?>[] {FiatService.class},
            (proxy, method, arguments) -> {
              throw new UnsupportedOperationException("Fiat is off: " + method.getName());
            });
  }
}
