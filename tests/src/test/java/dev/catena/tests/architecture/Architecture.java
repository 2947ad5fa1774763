package dev.catena.tests.architecture;

/** Networks beyond Llama's, each with what sets it apart. */
enum Architecture {
  /** Biases of queries, keys and values. */
  QWEN2,
  /** Queries and keys normalized head by head; KV heads of another width than the hidden state's. */
  QWEN3,
  /** Each row sees a window of the last positions; a single KV head. */
  MISTRAL,
  /** Biases everywhere, LayerNorm, attention and MLP side by side, heads of which half the columns turn. */
  PHI,
  /** Soft caps, norms behind attention and MLP, scaled embeddings, every other layer with a window. */
  GEMMA2,
  /** Learned positions, one projection for queries, keys and values, a head tied to the embedding. */
  GPT2,
  /** Learned positions that count from 2 and follow the attention mask, ReLU, scaled queries. */
  OPT,
  /** Neighbours turned as pairs, attention and MLP side by side. */
  GPTJ,
  /** One projection that gives queries, keys and values of each head together; a quarter of a head turns, two norms side by side. */
  GPT_NEOX,
  /** ALiBi in place of positions: scores fall with the distance, by a slope of each head. */
  BLOOM,
  /** Sinks, one more logit of each head in the softmax, and a window in every other layer. */
  GPT_OSS;

  boolean takesPositions() {
    return this != OPT && this != BLOOM;
  }

  int kvHeads() {
    return switch (this) {
      case QWEN2, QWEN3, GEMMA2, GPT_OSS -> 2;
      case MISTRAL -> 1;
      default -> 4;
    };
  }

  /** Positions that the rows of a layer see; 0 for all. */
  int window(int layer) {
    return this == MISTRAL ? 3 : (this == GEMMA2 || this == GPT_OSS) && layer % 2 == 0 ? 4 : 0;
  }
}
