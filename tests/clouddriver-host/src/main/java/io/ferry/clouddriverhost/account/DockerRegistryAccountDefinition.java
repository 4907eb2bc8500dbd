package io.ferry.clouddriverhost.account;

import com.fasterxml.jackson.annotation.JsonAutoDetect;
import com.fasterxml.jackson.annotation.JsonTypeName;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import java.util.ArrayList;
import java.util.List;

/** An account of a type other than kubernetes: a few fields of Clouddriver's dockerRegistry. */
@JsonTypeName("dockerRegistry")
@JsonAutoDetect(
    fieldVisibility = JsonAutoDetect.Visibility.ANY,
    getterVisibility = JsonAutoDetect.Visibility.NONE)
public class DockerRegistryAccountDefinition extends AccountJson implements CredentialsDefinition {

  String name;
  String environment;
  String accountType;
  String username;
  String password;
  String address;
  List<String> repositories = new ArrayList<>();

  @Override
  public String getName() {
    return name;
  }
}
