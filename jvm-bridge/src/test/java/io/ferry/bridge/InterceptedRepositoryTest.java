package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository;
import com.netflix.spinnaker.credentials.definition.CredentialsDefinition;
import com.netflix.spinnaker.kork.common.Header;
import com.netflix.spinnaker.security.AuthenticatedRequest;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the core is told of a write, and what the caller gets. */
class InterceptedRepositoryTest {

  private final FakeCore core = new FakeCore();
  private boolean strict;
  private final StoredDefinitions delegate = new StoredDefinitions(core.calls);
  private final AccountDefinitionRepository repository =
      repository(definition -> "{\"name\":\"" + definition.getName() + "\"}");

  @BeforeEach
  void asAnn() {
    AuthenticatedRequest.setUser("ann");
  }

  @AfterEach
  void asNobody() {
    AuthenticatedRequest.clear();
  }

  @Test
  void eachWriteIsToldBeforeAndAfterInTheWordsOfItsRequest() {
    repository.create(named("a"));
    repository.save(named("b"));
    repository.update(named("c"));
    repository.delete("d");
    assertEquals(
        List.of(
            "begin POST /credentials X-SPINNAKER-USER=ann {\"name\":\"a\"}",
            "create a",
            "end 7 200",
            "begin PUT /credentials X-SPINNAKER-USER=ann {\"name\":\"b\"}",
            "save b",
            "end 7 200",
            "begin PUT /credentials/c X-SPINNAKER-USER=ann {\"name\":\"c\"}",
            "update c",
            "end 7 200",
            "begin DELETE /credentials/d X-SPINNAKER-USER=ann",
            "delete d",
            "end 7 200"),
        core.calls);
  }

  @Test
  void theRequestIsToldToo() {
    AuthenticatedRequest.set(Header.REQUEST_ID, "request-1");
    repository.delete("d");
    assertEquals(
        "begin DELETE /credentials/d X-SPINNAKER-USER=ann=X-SPINNAKER-REQUEST-ID=request-1",
        core.calls.get(0));
  }

  @Test
  void aNameIsPercentEncodedAsOneSegment() {
    AuthenticatedRequest.clear();
    repository.delete("a/b c%ü?");
    assertEquals("begin DELETE /credentials/a%2Fb%20c%25%C3%BC%3F", core.calls.get(0));
  }

  @Test
  void theRepositorysExceptionReachesTheCallerAndTheCoreLearnsOfARefusal() {
    IllegalStateException refusal = new IllegalStateException("duplicate key");
    delegate.failure = refusal;
    assertSame(
        refusal, assertThrows(RuntimeException.class, () -> repository.create(named("a"))));
    assertEquals("end 7 500", core.calls.get(2));
  }

  @Test
  void anErrorOfTheRepositoryGoesOnToo() {
    delegate.error = new StackOverflowError();
    assertSame(
        delegate.error, assertThrows(StackOverflowError.class, () -> repository.delete("a")));
  }

  @Test
  void aFailureOfTheCoreIsNotTheCallers() {
    core.failure = new FerryException("PANIC", "a defect");
    repository.create(named("a"));
    repository.delete("a");
    assertEquals(
        List.of("create a", "delete a"),
        List.of(core.calls.get(1), core.calls.get(3)));
    assertEquals(4, core.calls.size());
  }

  @Test
  void whereNoWriteMayGoUnrecordedItIsNotDone() {
    strict = true;
    core.failure = new FerryException("NOT_JOURNALED", "the database is away");
    NotJournaled refused =
        assertThrows(NotJournaled.class, () -> repository.create(named("a")));
    assertEquals("the database is away", refused.getMessage());
    assertEquals(503, Answers.notJournaled(refused).getStatusCodeValue());
    core.failure = new FerryException("NOT_RECORDABLE", "its name ends with a space");
    refused = assertThrows(NotJournaled.class, () -> repository.create(named("a ")));
    assertEquals("its name ends with a space", refused.getMessage());
    assertEquals(400, Answers.notJournaled(refused).getStatusCodeValue());
    core.failure = new FerryException("SHUTDOWN", "it ends");
    refused = assertThrows(NotJournaled.class, () -> repository.delete("a"));
    assertTrue(refused.getMessage().endsWith("again later (it ends)"), refused.getMessage());
    assertEquals(3, core.calls.size(), "the repository was not called");
    assertEquals("found", repository.getByName("found").getName());
  }

  @Test
  void aFailureOfTheCoreAfterTheWriteIsNotTheCallers() {
    FakeCore failing =
        new FakeCore() {
          @Override
          public void interceptEnd(long interception, int status) {
            throw new FerryException("SHUTDOWN", "gone");
          }
        };
    AccountDefinitionRepository repository =
        (AccountDefinitionRepository)
            proxy(
                new InterceptedRepository(
                    delegate, () -> failing, () -> true, CredentialsDefinition::getName));
    repository.create(named("a"));
    assertEquals(List.of("create a"), core.calls);
  }

  @Test
  void aDefinitionThatCannotBeWrittenAsJsonIsStoredAllTheSame() {
    repository(
            definition -> {
              throw new Exception("no JSON");
            })
        .create(named("a"));
    assertEquals(List.of("create a"), core.calls);
  }

  @Test
  void aNativeLibraryThatWentWrongIsNotTheCallers() {
    repository(
            definition -> {
              throw new NoClassDefFoundError("AccountDefinitionMapper");
            })
        .save(named("a"));
    assertEquals(List.of("save a"), core.calls);
  }

  @Test
  void aWriteThatIsNobodysConcernIsNotEnded() {
    core.interception = 0;
    repository.create(named("a"));
    assertFalse(core.calls.stream().anyMatch(call -> call.startsWith("end")));
  }

  @Test
  void readsPassThrough() {
    assertEquals("found", repository.getByName("found").getName());
    assertEquals(List.of(), repository.listByType("kubernetes"));
    assertEquals(List.of(), repository.listByType("kubernetes", 1, null));
    assertEquals(List.of(), repository.revisionHistory("a"));
    assertEquals(List.of(), core.calls);
  }

  @Test
  void itIsAsEqualAsItsDelegate() {
    assertEquals(delegate.hashCode(), repository.hashCode());
    assertEquals(delegate.toString(), repository.toString());
    assertTrue(repository.equals(repository));
    assertTrue(repository.equals(delegate));
    assertFalse(repository.equals(null));
    assertFalse(repository.equals(new StoredDefinitions(core.calls)));
  }

  @Test
  void onlyRepositoriesAreWrapped() {
    RepositoryInterceptor interceptor =
        new RepositoryInterceptor(
            () -> core,
            () -> false,
            () -> {
              throw new AssertionError("asked before the first write");
            });
    Object other = new Object();
    assertSame(other, interceptor.postProcessAfterInitialization(other, "other"));
    Object wrapped = interceptor.postProcessAfterInitialization(delegate, "repository");
    assertTrue(Proxy.isProxyClass(wrapped.getClass()));
    ((AccountDefinitionRepository) wrapped).delete("a");
    assertEquals("begin DELETE /credentials/a X-SPINNAKER-USER=ann", core.calls.get(0));
  }

  private AccountDefinitionRepository repository(InterceptedRepository.Json json) {
    return (AccountDefinitionRepository)
        proxy(new InterceptedRepository(delegate, () -> core, () -> strict, json));
  }

  private static Object proxy(InterceptedRepository handler) {
    return Proxy.newProxyInstance(
        InterceptedRepositoryTest.class.getClassLoader(),
        new Class<?>[] {AccountDefinitionRepository.class},
        handler);
  }

  private static CredentialsDefinition named(String name) {
    return () -> name;
  }
}
