package io.ferry.bridge;

import com.netflix.spinnaker.clouddriver.security.AccountDefinitionMapper;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import java.lang.reflect.Proxy;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.springframework.beans.factory.config.BeanPostProcessor;

/**
 * Puts an {@link InterceptedRepository} before every account repository of Clouddriver.
 *
 * <p>There a write has been authorized and validated by Clouddriver's own service.
 */
final class RepositoryInterceptor implements BeanPostProcessor {

  private final Supplier<Core> core;
  private final BooleanSupplier strict;
  private final Supplier<AccountDefinitionMapper> mapper;

  /** {@code mapper} is first asked when an account is written: it needs beans of its own. */
  RepositoryInterceptor(
      Supplier<Core> core, BooleanSupplier strict, Supplier<AccountDefinitionMapper> mapper) {
    this.core = core;
    this.strict = strict;
    this.mapper = mapper;
  }

  @Override
  public Object postProcessAfterInitialization(Object bean, String beanName) {
    if (!(bean instanceof AccountDefinitionRepository)) {
      return bean;
    }
    return Proxy.newProxyInstance(
        getClass().getClassLoader(),
        new Class<?>[] {AccountDefinitionRepository.class},
        new InterceptedRepository(
            bean, core, strict, definition -> mapper.get().serialize(definition)));
  }
}
