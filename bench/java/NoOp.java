package io.ferry.bridge;

/** Crosses into the library and back with a body that does nothing; prints nanoseconds per crossing. */
final class NoOp {

  private static final int CROSSINGS = 2_000_000;

  private NoOp() {}

  public static void main(String[] arguments) {
    System.load(arguments[0]);
    time(true);
    for (int run = 0; run < 5; run++) {
      System.out.println(time(true) + " " + time(false));
    }
  }

  /** What one call takes, through the library or to a method of Java's own. */
  private static double time(boolean crosses) {
    int sum = 0;
    long start = System.nanoTime();
    for (int at = 0; at < CROSSINGS; at++) {
      sum += crosses ? NativeCore.abiVersion() : stays(at);
    }
    double took = (double) (System.nanoTime() - start) / CROSSINGS;
    if (sum == 0) {
      throw new IllegalStateException("nothing was called");
    }
    return took;
  }

  private static int stays(int at) {
    return at | 1;
  }
}
