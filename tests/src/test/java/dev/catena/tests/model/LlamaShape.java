package dev.catena.tests.model;

/** The sizes of a Llama-architecture model. */
public record LlamaShape(int hidden, int heads, int kvHeads, int headDim, int ffn, int vocab, int layers, int maxSeq) {
  public LlamaShape {
    if (heads % kvHeads != 0 || headDim % 2 != 0) {
      throw new IllegalArgumentException("heads " + heads + "/" + kvHeads + " of " + headDim);
    }
  }

  /** Hidden size as usual: all heads side by side. */
  public static LlamaShape of(int heads, int kvHeads, int headDim, int ffn, int vocab, int layers, int maxSeq) {
    return new LlamaShape(heads * headDim, heads, kvHeads, headDim, ffn, vocab, layers, maxSeq);
  }

  @Override
  public String toString() {
    return layers + " layers of " + hidden + ", heads " + heads + "/" + kvHeads + " of " + headDim + ", ffn " + ffn
        + ", vocabulary " + vocab + ", context " + maxSeq;
  }
}
