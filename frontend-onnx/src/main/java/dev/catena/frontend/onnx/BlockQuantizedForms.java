package dev.catena.frontend.onnx;

import dev.catena.ir.Attribute;
import dev.catena.ir.BlockDequantizedWeight;
import dev.catena.ir.BlockQuantizedWeight;
import dev.catena.ir.Dim;
import dev.catena.ir.ElementType;
import dev.catena.ir.GroupIndexedWeight;
import dev.catena.ir.IrException;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.QuantType;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Value;
import dev.catena.ir.WeightData;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * ONNX Runtime's operations on matrices of codes in blocks, each with a scale: MatMulNBits and GatherBlockQuantized. In a language
 * model codes, scales and zero points stay what they are; any other graph computes with what they mean, and so does a matrix
 * that comes in a way for which there is no storage.
 */
final class BlockQuantizedForms extends OperationForms {
  /** Of a matrix whose columns' groups are looked at one by one. */
  private static final long MOST_COLUMNS = 1 << 24;

  private final WeightPool weights;
  private final QuantizedConstants quantized;
  private boolean languageModel;

  BlockQuantizedForms(StageBuilder out, WeightPool weights, QuantizedConstants quantized) {
    super(out);
    this.weights = weights;
    this.quantized = quantized;
  }

  void ofLanguageModel() {
    languageModel = true;
  }

  /** A linear layer on a matrix of codes. */
  Value matMulNBits(OnnxGraph.Node node, List<Value> in) {
    allow(node, "K", "N", "bits", "block_size", "accuracy_level");
    long k = positiveUpTo(node, "K", Integer.MAX_VALUE);
    long n = positiveUpTo(node, "N", Integer.MAX_VALUE);
    long block = positiveUpTo(node, "block_size", 1 << 16);
    ElementType code = code(integer(node, "bits", 4), block);
    WeightData scales = data(required(in, 2, "scales"), "scales");
    WeightData zeros = optional(in, 3) == null ? null : data(in.get(3), "zero_points");
    boolean numbers = zeros != null && zeros.tensorType().element().isFloat();
    WeightData packed = numbers ? packed(zeros, n, (k + block - 1) / block, code.bits()) : zeros;
    BlockQuantizedWeight matrix = blocks(data(required(in, 1, "B"), "B"), scales, packed, type(code, block, scales, packed, List.of(Dim.of(n), Dim.of(k))));
    int[] groups = groupsInOtherOrder(optional(in, 4), k, block);
    boolean fractions = numbers && packed == null;
    Value product = groups == null && !fractions && languageModel
        ? out.append("nn.linear", List.of(required(in, 0, "A"), weights.add(node.input(1), matrix).value()), Map.of(), 1).result()
        : productOfValues(node, in, matrix, groups != null ? groups : IntStream.range(0, (int) k).map(i -> (int) (i / block)).toArray(),
            fractions ? zeros : null);
    return optional(in, 5) == null ? product : op("Add", product, in.get(5));
  }

  /** With the matrix in f32, which is stored as others are. */
  private Value productOfValues(OnnxGraph.Node node, List<Value> in, BlockQuantizedWeight matrix, int[] groups, WeightData zeros) {
    WeightData values;
    try {
      values = new TransposedWeight(new GroupIndexedWeight(matrix, groups, zeros), 1, 0);
    } catch (IrException e) {
      throw out.broken("is inconsistent: " + e.getMessage());
    }
    Value a = required(in, 0, "A");
    Value wide = weights.add(node.input(1), values).value();
    Value product = op("MatMul", cast(a, ElementType.F32), wide);
    return cast(product, a.tensorType().element());
  }

  private Value cast(Value v, ElementType to) {
    return v.tensorType().element() == to ? v : out.append("Cast", List.of(v), Map.of("to", new Attribute.Element(to)), 1).result();
  }

  /** Zero points given as numbers [rows, groups], as codes lie; null where one is no code. */
  private WeightData packed(WeightData zeros, long rows, long groups, int bits) {
    if (!zeros.tensorType().elements().is(Math.multiplyExact(rows, groups))) {
      throw out.broken("has zero_points of " + zeros.type().text() + " for " + rows + " rows of " + groups + " blocks");
    }
    Tensor numbers = zeros.tensor();
    long stride = (groups * bits + 7) / 8;
    Tensor bytes = new Tensor(ElementType.U8, rows, stride);
    for (long r = 0; r < rows; r++) {
      for (long g = 0; g < groups; g++) {
        double zero = numbers.get((int) (r * groups + g));
        if (zero != Math.rint(zero) || zero < 0 || zero >= 1 << bits) {
          return null;
        }
        int at = (int) (r * stride + g * bits / 8);
        bytes.setLong(at, bytes.getLong(at) | (long) zero << g * bits % 8);
      }
    }
    return new LiteralWeight(bytes);
  }

  /** The group of each column, where any stands in another than its own; else null. */
  private int[] groupsInOtherOrder(Value groups, long columns, long block) {
    if (groups == null) {
      return null;
    }
    WeightData given = data(groups, "g_idx");
    if (!given.tensorType().element().isInteger() || !given.tensorType().elements().is(columns) || columns > MOST_COLUMNS) {
      throw out.broken("has g_idx of " + given.type().text() + "; one integer for each of " + columns + " columns is needed");
    }
    Tensor index = given.tensor();
    int[] of = new int[Math.toIntExact(columns)];
    boolean inOrder = true;
    for (int i = 0; i < columns; i++) {
      of[i] = (int) Math.max(-1, Math.min(Integer.MAX_VALUE, index.getLong(i)));
      inOrder &= of[i] == i / block;
    }
    return inOrder ? null : of;
  }

  private ElementType code(long bits, long block) {
    if (bits != 2 && bits != 4 && bits != 8 || block % (bits == 2 ? 32 : 8) != 0) {
      throw out.broken("has codes of " + bits + " bits in blocks of " + block + "; Catena knows 8, 4 and 2 bits, blocks of a"
          + " multiple of 8 (of 32 for 2 bits)");
    }
    return bits == 2 ? ElementType.U2 : bits == 4 ? ElementType.U4 : ElementType.U8;
  }

  /** What Gather takes from a table of codes. */
  Value gatherBlockQuantized(OnnxGraph.Node node, List<Value> in) {
    allow(node, "bits", "block_size", "gather_axis", "quantize_axis");
    WeightData codes = data(required(in, 0, "data"), "data");
    WeightData scales = data(required(in, 2, "scales"), "scales");
    WeightData zeros = optional(in, 3) == null ? null : data(in.get(3), "zero_points");
    TensorType type = codes.tensorType();
    long block = node.attributes().containsKey("block_size") ? positiveUpTo(node, "block_size", 1 << 16) : 128;
    int gathered = axis(node, "gather_axis", 0, type.rank());
    int along = axis(node, "quantize_axis", 1, type.rank());
    boolean bytes = type.element() == ElementType.U8;
    int bits = bytes ? (int) integer(node, "bits", 4) : 4;
    if (!bytes && type.element() != ElementType.U4 && type.element() != ElementType.I4 || bits != 2 && bits != 4 && bits != 8) {
      throw out.broken("reads codes of " + type.text() + ", " + bits + " bits each; Catena knows u4, i4, and u8 with codes of 2, 4 or 8 bits");
    }
    long columns = Math.multiplyExact(type.dim(-1).value(), bytes ? 8 / bits : 1);
    boolean rows = type.rank() == 2 && gathered == 0 && along == 1;
    if (bytes && rows && languageModel && columns % block == 0 && block % (8 / bits) == 0) {
      ElementType code = code(bits, block);
      Value table = weights.add(node.input(0) + ".rows",
          blocks(codes, scales, zeros, type(code, block, scales, zeros, List.of(type.dim(0), Dim.of(columns))))).value();
      return out.append("nn.embedding", List.of(required(in, 1, "indices"), table),
          Map.of("element", new Attribute.Element(scales.tensorType().element())), 1).result();
    }
    Value table = !bytes && type.rank() == 2 ? quantized.dequantized(node.input(0), codes, scales, zeros, along, block) : null;
    if (table == null) {
      table = weights.add(node.input(0) + ".dequantized", dequantized(codes, bits, scales, zeros, along, block)).value();
    }
    return out.append("Gather", List.of(table, required(in, 1, "indices")), Map.of("axis", Attribute.of(gathered)), 1).result();
  }

  private BlockDequantizedWeight dequantized(WeightData codes, int bits, WeightData scales, WeightData zeros, int along, long block) {
    try {
      return new BlockDequantizedWeight(codes, bits, scales, zeros, along, block);
    } catch (IrException e) {
      throw out.broken("is inconsistent: " + e.getMessage());
    }
  }

  private int axis(OnnxGraph.Node node, String name, int otherwise, int rank) {
    long axis = integer(node, name, otherwise);
    if (axis < -rank || axis >= rank) {
      throw out.broken("has " + name + " = " + axis + " for codes of rank " + rank);
    }
    return (int) (axis < 0 ? axis + rank : axis);
  }

  private static QuantType type(ElementType code, long block, WeightData scales, WeightData zeros, List<Dim> shape) {
    return new QuantType(code, block, scales.tensorType().element() == ElementType.F16 ? ElementType.F16 : ElementType.F32,
        zeros == null ? null : code, shape);
  }

  private BlockQuantizedWeight blocks(WeightData codes, WeightData scales, WeightData zeros, QuantType type) {
    try {
      return new BlockQuantizedWeight(codes, scales, zeros, type);
    } catch (IrException e) {
      throw out.broken("is inconsistent: " + e.getMessage());
    }
  }
}
