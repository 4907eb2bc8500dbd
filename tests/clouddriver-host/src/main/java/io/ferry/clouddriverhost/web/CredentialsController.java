package io.ferry.clouddriverhost.web;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.spinnaker.clouddriver.security.AccountCredentials;
import com.netflix.spinnaker.clouddriver.security.AccountCredentialsProvider;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository.Revision;
import com.netflix.spinnaker.clouddriver.security.AccountDefinitionService;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import com.netflix.spinnaker.kork.exceptions.ConfigurationException;
import com.netflix.spinnaker.kork.web.exceptions.InvalidRequestException;
import com.netflix.spinnaker.kork.web.exceptions.NotFoundException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/**
 * The account endpoints of Clouddriver, ours, over its real AccountDefinitionService.
 *
 * <p>Stored definitions (POST, PUT, DELETE, /type, /history) come from the database at once; loaded
 * credentials (the two plain GETs) show what the last poll has seen.
 */
@RestController
@RequestMapping("/credentials")
public class CredentialsController {

  private static final Set<String> UNEXPANDED_FIELDS =
      Set.of(
          "name",
          "environment",
          "accountType",
          "cloudProvider",
          "requiredGroupMembership",
          "permissions",
          "accountId");

  private final Optional<AccountDefinitionService> storage;
  private final AccountCredentialsProvider loaded;
  private final CredentialsProperties properties;
  private final ObjectMapper mapper;

  public CredentialsController(
      Optional<AccountDefinitionService> storage,
      AccountCredentialsProvider loaded,
      CredentialsProperties properties,
      ObjectMapper mapper) {
    this.storage = storage;
    this.loaded = loaded;
    this.properties = properties;
    this.mapper = mapper;
  }

  @GetMapping
  public List<Map<String, Object>> listLoaded(
      @RequestParam(defaultValue = "false") boolean expand) {
    return loaded.getAll().stream()
        .map(credentials -> render(credentials, expand))
        .collect(Collectors.toList());
  }

  @GetMapping("/{accountName}")
  public Map<String, Object> getLoaded(@PathVariable String accountName) {
    AccountCredentials<?> credentials = loaded.getCredentials(accountName);
    if (credentials == null) {
      throw new NotFoundException(String.format("Account does not exist (name: %s)", accountName));
    }
    return render(credentials, true);
  }

  @GetMapping("/type/{accountType}")
  public List<? extends CredentialsDefinition> listStored(
      @PathVariable String accountType,
      @RequestParam(defaultValue = "100") int limit,
      @RequestParam(required = false) String startingAccountName) {
    return storage().listAccountDefinitionsByType(accountType, limit, startingAccountName);
  }

  @PostMapping
  public CredentialsDefinition create(@RequestBody CredentialsDefinition definition) {
    return storage().createAccount(definition);
  }

  @PutMapping
  public CredentialsDefinition save(@RequestBody CredentialsDefinition definition) {
    return storage().saveAccount(definition);
  }

  @PutMapping("/{accountName}")
  public CredentialsDefinition update(
      @PathVariable String accountName, @RequestBody CredentialsDefinition definition) {
    AccountDefinitionService service = storage();
    if (!accountName.equals(definition.getName())) {
      throw new InvalidRequestException(
          String.format(
              "Mismatched account names. URI value: %s. Request body value: %s.",
              accountName, definition.getName()));
    }
    return service.updateAccount(definition);
  }

  @DeleteMapping("/{accountName}")
  public void delete(@PathVariable String accountName) {
    storage().deleteAccount(accountName);
  }

  @GetMapping("/{accountName}/history")
  public List<Revision> history(@PathVariable String accountName) {
    return storage().getAccountHistory(accountName);
  }

  private AccountDefinitionService storage() {
    return storage.orElseThrow(
        () ->
            new ConfigurationException(
                "Cannot use AccountDefinitionService endpoints without enabling "
                    + "AccountDefinitionService bean"));
  }

  private Map<String, Object> render(AccountCredentials<?> credentials, boolean expand) {
    Map<String, Object> fields =
        mapper.convertValue(credentials, new TypeReference<Map<String, Object>>() {});
    if (!expand) {
      fields.keySet().retainAll(UNEXPANDED_FIELDS);
    }
    fields.put("type", credentials.getCloudProvider());
    fields.put(
        "challengeDestructiveActions",
        properties.challengesDestructiveActions(credentials.getEnvironment()));
    fields.put("primaryAccount", properties.isPrimary(credentials.getAccountType()));
    return fields;
  }
}
