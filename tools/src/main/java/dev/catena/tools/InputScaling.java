package dev.catena.tools;

import dev.catena.ir.Operation;
import dev.catena.ir.Value;

/**
 * Where the inverse of a linear layer's input scales can go, so that nothing is computed for it: into the weight of the norm
 * before it, or into the rows of the linear layer whose results reach it scaled (v through attention, up through swiglu).
 *
 * @param norm   the norm, or null
 * @param linear the linear layer, or null
 * @param source for each input channel the element of the norm's weight or the row of the linear layer that makes it
 */
record InputScaling(Operation norm, Operation linear, int[] source) {
  /** Of a {@code kernel.linear}; null where there is no such place. */
  static InputScaling of(Operation op) {
    Operation maker = op.operand(0).producer();
    int columns = Math.toIntExact(op.operand(0).tensorType().dim(-1).value());
    if (maker == null || maker.result(0).uses().size() != 1) {
      return null;
    }
    int[] source = new int[columns];
    if (maker.is("kernel.rms_norm")) {
      for (int c = 0; c < columns; c++) {
        source[c] = c;
      }
      return maker.operand(1).uses().size() == 1 ? new InputScaling(maker, null, source) : null;
    }
    if (maker.is("kernel.elementwise") && maker.textAttribute("function").equals("swiglu")) {
      for (int c = 0; c < columns; c++) {
        source[c] = c;
      }
      return rows(maker.operand(1), source);
    }
    if (maker.is("kernel.attention") && maker.operand(1).producer() != null
        && maker.operand(1).producer().is("kernel.rope_append")) {
      Operation append = maker.operand(1).producer();
      int dim = Math.toIntExact(append.intAttribute("dim"));
      Value v = append.operand(2);
      int heads = columns / dim;
      int kvHeads = Math.toIntExact(v.tensorType().dim(-1).value()) / dim;
      for (int c = 0; c < columns; c++) {
        source[c] = c / dim / (heads / kvHeads) * dim + c % dim;
      }
      return rows(v, source);
    }
    return null;
  }

  private static InputScaling rows(Value value, int[] source) {
    Operation maker = value.producer();
    long offset = 0;
    if (maker != null && value.uses().size() == 1 && maker.is("kernel.view")) {
      offset = maker.intAttribute("offset");
      value = maker.operand(0);
      maker = value.producer();
    } else if (value.uses().size() != 1) {
      return null;
    }
    if (maker == null || !maker.is("kernel.linear") || maker.operand(3) != null || maker.operand(1).uses().size() != 1) {
      return null;
    }
    for (int c = 0; c < source.length; c++) {
      source[c] += (int) offset;
    }
    return new InputScaling(null, maker, source);
  }
}
