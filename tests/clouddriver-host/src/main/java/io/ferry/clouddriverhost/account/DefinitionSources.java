package io.ferry.clouddriverhost.account;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionSource;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinitionSource;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.core.ResolvableType;
import org.springframework.core.env.Environment;

/**
 * Where the accounts of one type come from, as in Clouddriver.
 *
 * <p>{@code account.storage.enabled} with {@code account.storage.TYPE.enabled}: the database, then
 * beans of type CredentialsDefinitionSource, and only where there is no such bean, the accounts
 * written in the configuration under {@code TYPE.accounts}. Otherwise the configuration alone.
 */
class DefinitionSources {

  private final ObjectProvider<AccountDefinitionRepository> storage;
  private final BeanFactory beans;
  private final Environment environment;
  private final ObjectMapper mapper;

  DefinitionSources(
      ObjectProvider<AccountDefinitionRepository> storage,
      BeanFactory beans,
      Environment environment,
      ObjectMapper mapper) {
    this.storage = storage;
    this.beans = beans;
    this.environment = environment;
    this.mapper = mapper;
  }

  <D extends CredentialsDefinition> CredentialsDefinitionSource<D> of(Class<D> type, String name) {
    List<D> configured = configured(type, name);
    AccountDefinitionRepository repository = storage.getIfAvailable();
    String key = "account.storage." + DataObjectPropertyName.toDashedForm(name) + ".enabled";
    if (repository == null || !environment.getProperty(key, Boolean.class, false)) {
      return () -> configured;
    }
    List<CredentialsDefinitionSource<D>> others = sourceBeans(type);
    return new AccountDefinitionSource<>(
        repository, type, others.isEmpty() ? List.of(() -> configured) : others);
  }

  private <D extends CredentialsDefinition> List<CredentialsDefinitionSource<D>> sourceBeans(
      Class<D> type) {
    ResolvableType source =
        ResolvableType.forClassWithGenerics(CredentialsDefinitionSource.class, type);
    return beans.<CredentialsDefinitionSource<D>>getBeanProvider(source)
        .orderedStream()
        .collect(Collectors.toList());
  }

  private <D extends CredentialsDefinition> List<D> configured(Class<D> type, String name) {
    ResolvableType fields =
        ResolvableType.forClassWithGenerics(Map.class, String.class, Object.class);
    Bindable<List<Map<String, Object>>> accounts =
        Bindable.of(ResolvableType.forClassWithGenerics(List.class, fields));
    return Binder.get(environment)
        .bind(DataObjectPropertyName.toDashedForm(name) + ".accounts", accounts)
        .orElseGet(List::of)
        .stream()
        .map(account -> definition(type, name, account))
        .collect(Collectors.toList());
  }

  private <D extends CredentialsDefinition> D definition(
      Class<D> type, String name, Map<String, Object> account) {
    Map<String, Object> tagged = new HashMap<>(account);
    tagged.replaceAll((field, value) -> withLists(value));
    tagged.put("type", name);
    return mapper.convertValue(tagged, type);
  }

  /** Where the type of a value is unknown, Spring binds a list as a map from "0", "1" and so on. */
  private static Object withLists(Object value) {
    if (!(value instanceof Map)) {
      return value;
    }
    Map<Object, Object> fields = new LinkedHashMap<>();
    ((Map<?, ?>) value).forEach((field, inner) -> fields.put(field, withLists(inner)));
    boolean isList =
        IntStream.range(0, fields.size()).allMatch(i -> fields.containsKey(String.valueOf(i)));
    return isList && !fields.isEmpty() ? List.copyOf(fields.values()) : fields;
  }
}
