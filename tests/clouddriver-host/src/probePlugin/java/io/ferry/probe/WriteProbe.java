package io.ferry.probe;

import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.springframework.beans.factory.config.BeanPostProcessor;

/** Wraps every account repository and notes the writes that reach it. */
public class WriteProbe implements BeanPostProcessor {

  final List<String> writes = new CopyOnWriteArrayList<>();

  @Override
  public Object postProcessAfterInitialization(Object bean, String beanName) {
    if (!(bean instanceof AccountDefinitionRepository)) {
      return bean;
    }
    return Proxy.newProxyInstance(
        getClass().getClassLoader(),
        new Class<?>[] {AccountDefinitionRepository.class},
        (proxy, method, arguments) -> {
          if (arguments != null && arguments[0] instanceof CredentialsDefinition) {
            writes.add(method.getName() + " " + ((CredentialsDefinition) arguments[0]).getName());
          }
          try {
            return method.invoke(bean, arguments);
          } catch (InvocationTargetException e) {
            throw e.getCause();
          }
        });
  }
}
