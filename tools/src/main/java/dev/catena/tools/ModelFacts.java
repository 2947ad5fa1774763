package dev.catena.tools;

import dev.catena.ir.Attribute;
import dev.catena.ir.Module;
import dev.catena.ir.Operation;
import dev.catena.ir.Stage;
import dev.catena.ir.TensorType;
import dev.catena.runtime.text.ModelConfig;
import java.util.List;

/**
 * What the artifact says about the model as a whole.
 *
 * @param maxSeqLen positions that may be addressed
 */
record ModelFacts(int vocab, int hidden, int layers, int maxSeqLen, Integer bos, List<Integer> eos, boolean addBos) {
  static final int DEFAULT_MAX_SEQ_LEN = 4096;

  /** How far positions go where no table of the model says so. @param maxSeqLen as it was asked for, or 0 */
  static int positions(int maxSeqLen, ModelConfig config) {
    return maxSeqLen > 0 ? maxSeqLen : config.contextLength().orElse(DEFAULT_MAX_SEQ_LEN);
  }

  /** @param wanted positions asked for, or 0: the rows of the position tables, else the model's config, else 4096 */
  static ModelFacts of(Module module, ModelConfig config, int wanted) {
    List<Stage> stages = module.stages();
    long vocab = width(stages.get(stages.size() - 1));
    long tableRows = Long.MAX_VALUE;
    int layers = 0;
    for (Stage s : stages) {
      layers += "decoder".equals(s.textAttribute("role")) ? 1 : 0;
      if (s.attributes().get("assume.positions_below") instanceof Attribute.Int bound) { // of a mask that is cut from a constant
        tableRows = Math.min(tableRows, bound.value());
      }
      for (Operation op : s.operations()) {
        if (op.is("kernel.rope_append") && op.operand(3) != null) {
          tableRows = Math.min(tableRows, op.operand(3).tensorType().dim(0).value());
        } else if (op.is("kernel.table_rows")) {
          tableRows = Math.min(tableRows, op.operand(0).tensorType().dim(0).value());
        }
      }
    }
    long max = tableRows != Long.MAX_VALUE ? tableRows : config.contextLength().orElse(DEFAULT_MAX_SEQ_LEN);
    if (wanted > max && tableRows != Long.MAX_VALUE) {
      throw new UserError("--max-seq-len " + wanted + ": the model's position tables have " + tableRows + " rows");
    }
    List<Integer> eos = config.eos().stream().filter(id -> id < vocab).toList();
    if (eos.size() < config.eos().size()) {
      Console.warn("end-of-text ids outside the vocabulary of " + vocab + " are left out");
    }
    Integer bos = config.bos().isPresent() && config.bos().getAsInt() < vocab ? config.bos().getAsInt() : null;
    return new ModelFacts(Math.toIntExact(vocab), Math.toIntExact(width(stages.get(0))), layers,
        wanted > 0 ? wanted : Math.toIntExact(max), bos, eos, config.addBos() && bos != null);
  }

  private static long width(Stage stage) {
    return ((TensorType) stage.outputs().get(0).type()).dim(-1).value();
  }
}
