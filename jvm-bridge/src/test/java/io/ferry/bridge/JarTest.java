package io.ferry.bridge;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.invoke.MethodType;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The jar's own class files: what they may refer to, and that it is there in both generations of
 * Clouddriver with the very same signatures.
 */
class JarTest {

  /** All that is not Java's own or ours. A new one has to be the same in both generations. */
  private static final List<String> ALLOWED =
      List.of(
          "com.fasterxml.jackson.core.JsonLocation",
          "com.fasterxml.jackson.core.JsonP",
          "com.fasterxml.jackson.databind.",
          "com.netflix.spinnaker.clouddriver.security.AccountCredentials",
          "com.netflix.spinnaker.clouddriver.security.AccountDefinitionMapper",
          "com.netflix.spinnaker.clouddriver.security.AccountDefinitionRepository",
          "com.netflix.spinnaker.clouddriver.security.AccountSecurityPolicy",
          "com.netflix.spinnaker.credentials.definition.CredentialsDefinition",
          "com.netflix.spinnaker.kork.common.Header",
          "com.netflix.spinnaker.kork.plugins.api.spring.PrivilegedSpringPlugin",
          "com.netflix.spinnaker.security.AuthenticatedRequest",
          "io.micrometer.core.instrument.",
          "org.pf4j.Plugin",
          "org.slf4j.Logger",
          "org.springframework.beans.factory.",
          "org.springframework.boot.actuate.health.Health",
          "org.springframework.boot.actuate.health.Status",
          "org.springframework.core.annotation.Order",
          "org.springframework.core.convert.ConversionException",
          "org.springframework.core.convert.support.ConfigurableConversionService",
          "org.springframework.core.env.",
          "org.springframework.core.io.InputStreamResource",
          "org.springframework.http.HttpHeaders",
          "org.springframework.http.HttpMethod",
          "org.springframework.http.RequestEntity",
          "org.springframework.http.ResponseEntity",
          "org.springframework.web.bind.annotation.ControllerAdvice",
          "org.springframework.web.bind.annotation.ExceptionHandler",
          "org.springframework.web.bind.annotation.RequestMapping",
          "org.springframework.web.bind.annotation.RequestMethod",
          "org.springframework.web.bind.annotation.RestController",
          "org.springframework.web.util.UriUtils");

  private static final Map<String, ClassFile> CLASSES = new TreeMap<>();
  private static final Map<String, byte[]> OTHERS = new TreeMap<>();
  private static final TreeSet<Long> TIMES = new TreeSet<>();

  @BeforeAll
  static void readJar() throws IOException {
    try (JarFile jar = new JarFile(System.getProperty("ferry.jar"))) {
      for (JarEntry entry : jar.stream().collect(Collectors.toList())) {
        byte[] content = jar.getInputStream(entry).readAllBytes();
        TIMES.add(entry.getTime());
        if (entry.getName().endsWith(".class")) {
          CLASSES.put(entry.getName(), new ClassFile(content));
        } else if (!entry.isDirectory()) {
          OTHERS.put(entry.getName(), content);
        }
      }
    }
    assertTrue(CLASSES.size() > 10, CLASSES.keySet().toString());
  }

  @Test
  void itHoldsNothingButOurClassesAndTheLibraries() {
    for (String name : CLASSES.keySet()) {
      assertTrue(name.startsWith("io/ferry/bridge/"), name);
    }
    TreeSet<String> others = new TreeSet<>(List.of("META-INF/MANIFEST.MF"));
    for (String classifier : classifiers()) {
      others.add(library(classifier));
    }
    assertEquals(others, OTHERS.keySet());
  }

  /** Each where it is looked for, for its processor. */
  @Test
  void librariesAreForTheirPlatforms() {
    Map<String, Integer> machines = Map.of("x86_64", 62, "aarch64", 183);
    for (String classifier : classifiers()) {
      String[] parts = classifier.split("-");
      String maps = parts[2].equals("musl") ? "/lib/ld-musl-" + parts[1] + ".so.1" : "";
      assertEquals(classifier, Platform.classifier("Linux", parts[1], maps));
      ByteBuffer elf =
          ByteBuffer.wrap(OTHERS.get(library(classifier))).order(ByteOrder.LITTLE_ENDIAN);
      assertEquals(0x464C457F, elf.getInt(0), classifier);
      assertEquals(machines.get(parts[1]), (int) elf.getShort(18), classifier);
    }
  }

  /** The time of a build would make each jar another one. */
  @Test
  void itTellsNothingOfWhenItWasBuilt() {
    assertEquals(1, TIMES.size(), TIMES.toString());
  }

  private static String[] classifiers() {
    return System.getProperty("ferry.classifiers").split(",");
  }

  private static String library(String classifier) {
    return "native/" + classifier + "/libferry_ffi.so";
  }

  @Test
  void itRunsOnJava11() {
    CLASSES.forEach((name, content) -> assertEquals(55, content.majorVersion, name));
  }

  @Test
  void itRefersOnlyToWhatIsAllowed() {
    TreeSet<String> foreign = new TreeSet<>();
    for (ClassFile content : CLASSES.values()) {
      foreign.addAll(content.classes);
    }
    foreign.removeIf(name -> name.startsWith("java.") || name.startsWith("io.ferry.bridge."));
    foreign.removeIf(name -> ALLOWED.stream().anyMatch(name::startsWith));
    assertEquals(List.of(), new ArrayList<>(foreign));
  }

  /** Links every reference, as the JVM would when it is first used. */
  @ParameterizedTest
  @ValueSource(strings = {"ferry.thisGeneration", "ferry.nextGeneration"})
  void eachReferenceIsThere(String generation) throws Exception {
    try (URLClassLoader loader = loader(generation)) {
      List<String> missing = new ArrayList<>();
      int checked = 0;
      for (ClassFile content : CLASSES.values()) {
        for (ClassFile.Member member : content.members) {
          if (isChecked(member.owner)) {
            checked++;
            if (!isThere(member, loader)) {
              missing.add(member.toString());
            }
          }
        }
      }
      assertEquals(List.of(), missing);
      assertTrue(checked > 50, "only " + checked + " references found");
    }
  }

  /** Clouddriver's and kork's own classes are published for one generation only. */
  private static boolean isChecked(String owner) {
    return Stream.of("org.springframework.", "com.fasterxml.", "io.micrometer.", "org.slf4j.")
            .anyMatch(owner::startsWith)
        || owner.equals("org.pf4j.PluginWrapper")
        || owner.equals("org.pf4j.PluginManager");
  }

  private static boolean isThere(ClassFile.Member member, ClassLoader loader) {
    try {
      return declares(Class.forName(member.owner, false, loader), member);
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static boolean declares(Class<?> type, ClassFile.Member member) {
    boolean here =
        member.isField()
            ? Stream.of(type.getDeclaredFields())
                .anyMatch(field -> field.getName().equals(member.name))
            : member.name.equals("<init>")
                ? Stream.of(type.getDeclaredConstructors())
                    .anyMatch(
                        c -> descriptor(c.getParameterTypes(), void.class).equals(member.descriptor))
                : Stream.of(type.getDeclaredMethods())
                    .filter(method -> method.getName().equals(member.name))
                    .anyMatch(
                        method ->
                            descriptor(method.getParameterTypes(), method.getReturnType())
                                .equals(member.descriptor));
    return here
        || type.getSuperclass() != null && declares(type.getSuperclass(), member)
        || type.isInterface() && declares(Object.class, member)
        || Stream.of(type.getInterfaces()).anyMatch(parent -> declares(parent, member));
  }

  private static String descriptor(Class<?>[] parameters, Class<?> result) {
    return MethodType.methodType(result, parameters).toMethodDescriptorString();
  }

  private static URLClassLoader loader(String generation) {
    URL[] files =
        Stream.of(System.getProperty(generation).split(File.pathSeparator))
            .map(JarTest::url)
            .toArray(URL[]::new);
    return new URLClassLoader(files, ClassLoader.getPlatformClassLoader());
  }

  private static URL url(String file) {
    try {
      return new File(file).toURI().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException(file, e);
    }
  }
}
