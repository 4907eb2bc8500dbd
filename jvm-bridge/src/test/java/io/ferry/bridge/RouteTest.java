package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is a read, of what; all else is management. */
class RouteTest {

  @ParameterizedTest
  @CsvSource({
    "GET, /armory/accounts, ACCOUNTS,",
    "GET, /armory/accounts/, ACCOUNTS,",
    "GET, /%61rmory/accounts, ACCOUNTS,",
    "GET, /armory/agents, AGENTS,",
    "GET, /armory/accounts/a, ACCOUNT, a",
    "GET, /armory/accounts/a%20b%C3%BC, ACCOUNT, a bü",
    "GET, /armory/accounts/a+b, ACCOUNT, a+b",
    "GET, /armory/accounts/a%2Fb, ACCOUNT, a/b",
    "GET, /agents/kubernetes/accounts/a, ACCOUNT, a",
    "GET, /agents/kubernetes/accounts/a%2Fb/namespaces, ACCOUNT, a/b",
    "GET, /armory/accounts/a/audit, ACCOUNT, a",
    "GET, /armory/agents/a, AGENT,",
    "GET, /armory/openapi.json, PUBLIC,",
    "GET, /armory/audit, MANAGEMENT,",
    "GET, /armory/clouddrivers, MANAGEMENT,",
    "POST, /armory/agent/a/disconnect, MANAGEMENT,",
    "GET, /armory/accounts/a/other, MANAGEMENT,",
    "GET, /armory/accounts/a/scan, ACCOUNT, a",
    "GET, /armory/accounts/a%20b/scan, ACCOUNT, a b",
    "GET, /agents/kubernetes/accounts/a/scan/b, MANAGEMENT,",
    "GET, /agents/kubernetes/accounts/scan, ACCOUNT, scan",
    "GET, /armory/accounts/dynamic, ACCOUNT, dynamic",
    "DELETE, /armory/accounts/dynamic, MANAGEMENT, dynamic",
    "POST, /armory/accounts/dynamic, MANAGEMENT,",
    "PUT, /armory/accounts/dynamic, MANAGEMENT,",
    "PATCH, /armory/accounts/dynamic, MANAGEMENT,",
    "POST, /armory/accounts/rollback, MANAGEMENT,",
    "GET, /armory/accounts/rollback, ACCOUNT, rollback",
    "GET, /armory, MANAGEMENT,",
    "GET, /, MANAGEMENT,",
    "GET, /armory//accounts, MANAGEMENT,",
    "GET, /armory/accounts/a/history, MANAGEMENT,",
    "GET, /agents/kubernetes/accounts, MANAGEMENT,",
    "GET, /agents/kubernetes, MANAGEMENT,",
    "GET, /armory/something, MANAGEMENT,",
    "HEAD, /armory/accounts, MANAGEMENT,",
    "POST, /armory/accounts, MANAGEMENT,",
    "PATCH, /armory/accounts, MANAGEMENT,",
    "PUT, /armory/accounts, MANAGEMENT,",
    "DELETE, /armory/accounts/a%2Fb, MANAGEMENT, a/b",
    "POST, /agents/kubernetes/accounts/a, MANAGEMENT, a",
  })
  void isKnownByMethodAndPath(String method, String path, Route.Kind kind, String account) {
    Route route = Route.of(method, path);
    assertEquals(kind, route.kind);
    assertEquals(account, route.account);
  }
}
