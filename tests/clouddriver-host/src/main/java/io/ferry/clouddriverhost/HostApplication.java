package io.ferry.clouddriverhost;

import com.netflix.spinnaker.clouddriver.config.AccountDefinitionConfiguration;
import com.netflix.spinnaker.clouddriver.config.LocalJobConfig;
import com.netflix.spinnaker.clouddriver.security.AccessControlledAccountDefinitionAuthorizedRolesExtractor;
import com.netflix.spinnaker.config.PluginsAutoConfiguration;
import com.netflix.spinnaker.config.SerdeSdkConfiguration;
import com.netflix.spinnaker.config.YamlResourceLoaderSdkConfiguration;
import com.netflix.spinnaker.fiat.shared.FiatAuthenticationConfig;
import io.ferry.clouddriverhost.account.DockerRegistryAccounts;
import io.ferry.clouddriverhost.account.KubernetesAccounts;
import io.ferry.clouddriverhost.sql.SqlConfiguration;
import io.ferry.clouddriverhost.web.CredentialsController;
import io.ferry.clouddriverhost.web.WebConfiguration;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.scheduling.annotation.EnableScheduling;

/**
 * The application context: real configuration classes of Clouddriver, kork and Fiat, then ours.
 *
 * <p>The order of the imports matters twice. {@link SqlConfiguration} stands before {@link
 * AccountDefinitionConfiguration}, whose service exists only where a repository is known; {@link
 * FiatOff} stands before {@link FiatAuthenticationConfig}, which keeps a service it finds.
 */
@Configuration(proxyBeanMethods = false)
@EnableScheduling
@Import({
  PluginsAutoConfiguration.class,
  SerdeSdkConfiguration.class,
  YamlResourceLoaderSdkConfiguration.class,
  FiatOff.class,
  FiatAuthenticationConfig.class,
  SqlConfiguration.class,
  AccessControlledAccountDefinitionAuthorizedRolesExtractor.class,
  AccountDefinitionConfiguration.class,
  LocalJobConfig.class,
  CoreBeans.class,
  KubernetesAccounts.class,
  DockerRegistryAccounts.class,
  WebConfiguration.class,
  CredentialsController.class,
  BootParts.class,
})
public class HostApplication {}
