package io.ferry.clouddriverhost.web;

import com.netflix.spinnaker.filters.AuthenticatedRequestFilter;
import java.nio.charset.StandardCharsets;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.Ordered;
import org.springframework.http.MediaType;
import org.springframework.web.filter.ShallowEtagHeaderFilter;
import org.springframework.web.servlet.config.annotation.ContentNegotiationConfigurer;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/**
 * What Clouddriver puts around its controllers: the filter that reads X-SPINNAKER-* headers, ETags
 * on GET answers, and JSON whatever the Accept header says.
 */
@Configuration(proxyBeanMethods = false)
@EnableConfigurationProperties(CredentialsProperties.class)
public class WebConfiguration implements WebMvcConfigurer {

  @Bean
  FilterRegistrationBean<AuthenticatedRequestFilter> authenticatedRequestFilter() {
    var registration = new FilterRegistrationBean<>(new AuthenticatedRequestFilter(true));
    registration.setOrder(Ordered.HIGHEST_PRECEDENCE);
    return registration;
  }

  @Bean
  ShallowEtagHeaderFilter eTagFilter() {
    return new ShallowEtagHeaderFilter();
  }

  @Override
  public void configureContentNegotiation(ContentNegotiationConfigurer configurer) {
    configurer
        .defaultContentType(new MediaType(MediaType.APPLICATION_JSON, StandardCharsets.UTF_8))
        .ignoreAcceptHeader(true);
  }
}
