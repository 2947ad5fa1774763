package dev.catena.ir;

/**
 * A weight of which only type, origin and hash are known, as a text states them: enough for every pass, not for reading
 * elements.
 */
public final class SymbolicWeight implements WeightData {
  private final Type type;
  private final String origin;
  private final String hash;

  public SymbolicWeight(Type type, String origin, String hash) {
    this.type = type;
    this.origin = origin;
    this.hash = hash;
  }

  @Override
  public Type type() {
    return type;
  }

  @Override
  public void read(long[] start, long[] extent, float[] into, int at) {
    throw new IrException("the elements of " + origin + " are not at hand; name the model's folder with --weights");
  }

  @Override
  public Tensor tensor() {
    read(null, null, null, 0);
    return null;
  }

  @Override
  public String hash() {
    return hash;
  }

  @Override
  public String text() {
    return origin;
  }
}
