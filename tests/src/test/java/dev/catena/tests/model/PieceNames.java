package dev.catena.tests.model;

/**
 * What the files of a split model and their tensors are called.
 *
 * @param decoderFormat file name of a decoder as a format of its number
 */
public record PieceNames(String embed, String decoderFormat, String norm, String head, String hidden, String mask,
    String positions, String pastKey, String pastValue, String hiddenOut, String presentKey, String presentValue) {
  /** As llama.onnx names them, and the fixtures. */
  public static final PieceNames LLAMA_ONNX = new PieceNames("embed.onnx", "decoder-merge-%d.onnx", "norm.onnx",
      "head.onnx", "hidden_in", "attn_mask", "position_ids", "past_key_in", "past_value_in", "hidden_out", "past_key",
      "past_value");

  /** Another exporter's taste: numbers with zeros in front, dots, upper case, other words. */
  public static final PieceNames OTHER = new PieceNames("model.tok_embeddings.onnx", "model.layers.%02d.onnx",
      "model.final_layernorm.onnx", "model.lm_head.onnx", "X", "attention_bias", "input_pos", "cache.k", "cache.v", "Y",
      "new_cache.k", "new_cache.v");

  public String decoder(int layer) {
    return String.format(decoderFormat, layer);
  }
}
