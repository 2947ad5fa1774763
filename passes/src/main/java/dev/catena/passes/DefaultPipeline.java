package dev.catena.passes;

/**
 * The order in which a model is compiled, and why:
 *
 * <ol>
 *   <li>{@code fold}: shapes first, since every later pattern asks for fixed head sizes and axes;
 *   <li>{@code widen}: f32 activations, so that exporters' ways of mixing f16 and f32 are one;
 *   <li>{@code clean}: then no-ops are gone and patterns need not step over them;
 *   <li>{@code sizes}: of anything computed, from arguments, so that no mask hangs on what {@code raise} replaces;
 *   <li>{@code rope-tables}: what depends on positions alone is a table, before rules look for a rotation;
 *   <li>{@code raise}: what is left is matched by rules, the larger patterns on the results of the smaller;
 *   <li>{@code causal-mask}: masks computed in the graph, on the attention that {@code raise} found;
 *   <li>{@code share}: equal weights once, after raising, which gives views of equal data their form;
 *   <li>{@code merge}: linear layers with a common input, before their weights get a storage;
 *   <li>{@code name}: weights by their part, which dumps, {@code --keep} and the artifact use;
 *   <li>{@code quantize}: storage of matrices; only references change, nothing is read;
 *   <li>{@code kv-cache}: batches become rows, past tensors become a cache;
 *   <li>{@code select-rows}: norm and head on the wanted rows only;
 *   <li>{@code lower}: launches, larger fusions per target;
 *   <li>{@code plan}: memory.
 * </ol>
 */
public final class DefaultPipeline {
  private DefaultPipeline() {}

  /** Settings of the default pipeline; bits as in the command line. */
  public record Settings(WeightStorage weights, int keyBits, int valueBits, int maxRows, int positions) {}

  /**
   * How matrices are stored.
   *
   * @param groupSize columns that share a scale; 0 for a whole row
   * @param tied      an embedding that is the head, too, takes its bits
   * @param scales    {@code range} or {@code search}
   * @param keep      of {@code quantize}; empty for none
   */
  public record WeightStorage(int bits, int groupSize, boolean symmetric, int embedBits, int headBits, boolean tied, String scales,
      String keep) {
    /** What stands where only bits and groups are chosen. */
    public static WeightStorage of(int bits, int groupSize) {
      return new WeightStorage(bits, groupSize, false, embedBits(bits), headBits(bits), false, "search", "");
    }

    public WeightStorage withScales(String other) {
      return new WeightStorage(bits, groupSize, symmetric, embedBits, headBits, tied, other, keep);
    }

    /** Of the embedding, for the other weights' bits: it is read a row at a time, so that its size hardly costs time. */
    public static int embedBits(int bits) {
      return bits == 32 ? 32 : 16;
    }

    /** Of the head, for the other weights' bits: its errors are the logits'. */
    public static int headBits(int bits) {
      return Math.max(8, bits);
    }
  }

  public static String text(Settings s) {
    return "fold,widen,clean,sizes,rope-tables{positions=" + s.positions() + "},raise,causal-mask,share," + afterRaising(s);
  }

  /** What is left for a module that is made of {@code nn} operations from the start. */
  public static String afterRaising(Settings s) {
    WeightStorage w = s.weights();
    return "merge,name,quantize{bits="
        + w.bits() + " group=" + w.groupSize() + " symmetric=" + w.symmetric() + " scales=" + w.scales()
        + (w.keep().isEmpty() ? "" : " keep=" + w.keep()) + " embed=" + w.embedBits() + " head=" + w.headBits() + (w.tied() ? " tied=head" : "")
        + "},kv-cache{key=" + s.keyBits() + " value=" + s.valueBits() + "},select-rows,lower,plan{rows=" + s.maxRows() + "}";
  }
}
