package io.ferry.bridge;

import java.nio.charset.StandardCharsets;

/** The core in the native library, which has to be loaded before. */
final class JniCore implements Core {

  private final long handle;

  private JniCore(long handle) {
    this.handle = handle;
  }

  /** Starts one; see {@link NativeCore#start}. */
  static JniCore start(byte[] configJson) {
    return new JniCore(NativeCore.start(configJson));
  }

  String grpcAddress() {
    return NativeCore.grpcAddress(handle);
  }

  @Override
  public long interceptBegin(String method, String path, String[] headers, byte[] body) {
    return NativeCore.interceptBegin(handle, method, path, headers, body);
  }

  @Override
  public void interceptEnd(long interception, int status) {
    NativeCore.interceptEnd(handle, interception, status);
  }

  @Override
  public Reply handle(String method, String target, String[] headers, byte[] body) {
    return NativeCore.handle(handle, method, target, headers, body);
  }

  @Override
  public long maxBody() {
    return NativeCore.maxBody(handle);
  }

  @Override
  public String metrics() {
    return new String(NativeCore.metrics(handle), StandardCharsets.UTF_8);
  }

  @Override
  public String notReady() {
    return NativeCore.notReady(handle);
  }

  @Override
  public void shutdown() {
    NativeCore.shutdown(handle);
  }
}
