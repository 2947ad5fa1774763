package dev.catena.ir.text;

import dev.catena.ir.BlockQuantizedWeight;
import dev.catena.ir.CastWeight;
import dev.catena.ir.ConcatenatedWeight;
import dev.catena.ir.DequantizedWeight;
import dev.catena.ir.FileWeight;
import dev.catena.ir.Hashes;
import dev.catena.ir.GroupFit;
import dev.catena.ir.HeadRowsWeight;
import dev.catena.ir.IrException;
import dev.catena.ir.KeptCodes;
import dev.catena.ir.LiteralWeight;
import dev.catena.ir.MappedFile;
import dev.catena.ir.QuantType;
import dev.catena.ir.QuantizedWeight;
import dev.catena.ir.RandomWeight;
import dev.catena.ir.ReshapedWeight;
import dev.catena.ir.RowsWeight;
import dev.catena.ir.SymbolicWeight;
import dev.catena.ir.Tensor;
import dev.catena.ir.TensorType;
import dev.catena.ir.TransposedWeight;
import dev.catena.ir.Type;
import dev.catena.ir.WeightData;
import java.util.ArrayList;
import java.util.List;
import org.antlr.v4.runtime.misc.Interval;

/** Weights' origins: a tree of views over files where those are at hand, else symbolic. */
final class Origins {
  private static final int MOST_RANDOM = 1 << 20;

  private final CirErrors errors;
  private final Literals literals;
  private final WeightFiles files;

  Origins(CirErrors errors, Literals literals, WeightFiles files) {
    this.errors = errors;
    this.literals = literals;
    this.files = files;
  }

  /** The data of a weight that is stated to have this type and, unless null, hash; data that differ are an error. */
  WeightData resolve(CirParser.OriginContext origin, Type type, String hash) {
    WeightData data = data(origin, type);
    if (data == null) {
      return new SymbolicWeight(type, text(origin), hash != null ? hash : Hashes.of("symbolic", type.text(), text(origin)));
    }
    if (!data.type().equals(type)) {
      String given = data.type().text();
      data = new SymbolicWeight(type, text(origin), ""); // what reads it isn't to blame
      errors.at(origin, "expected data of type " + type.text() + ", found " + given);
    } else if (hash != null && !data.hash().equals(hash)) {
      errors.at(origin, "expected content with sha256 " + hash + ", found " + data.hash() + ": the file isn't the one this text was made from");
    }
    return data;
  }

  /** As written, comments and all. */
  private static String text(CirParser.OriginContext origin) {
    return origin.start.getInputStream()
        .getText(Interval.of(origin.start.getStartIndex(), origin.stop.getStopIndex()));
  }

  /** The data, or null where a file isn't at hand. {@code type} is known for the outermost view only. */
  private WeightData data(CirParser.OriginContext origin, Type type) {
    if (origin.dense() != null) {
      return new LiteralWeight(literals.dense(origin.dense()));
    }
    List<CirParser.OriginArgumentContext> arguments = origin.originArgument();
    String view = origin.view.getText();
    if (view.equals("file")) {
      return file(arguments);
    }
    if (view.equals("random")) {
      return random(arguments);
    }
    if (view.equals("codes")) {
      return null; // a calibration's own file, which ends with the compilation
    }
    List<WeightData> parts = new ArrayList<>();
    for (CirParser.OriginArgumentContext a : arguments) {
      if (a.origin() != null) {
        WeightData part = data(a.origin(), null);
        if (part == null) {
          return null;
        }
        parts.add(part);
      }
    }
    if (view.equals("blocks") && type instanceof QuantType q && arguments.size() == parts.size()
        && (parts.size() == 2 || parts.size() == 3)) {
      return new BlockQuantizedWeight(parts.get(0), parts.get(1), parts.size() == 3 ? parts.get(2) : null, q);
    }
    if (view.equals("dequantize") && arguments.size() == parts.size() + 1 && (parts.size() == 2 || parts.size() == 3)) {
      List<Long> place = ints(arguments.get(parts.size()));
      if (place.size() == 2) {
        return new DequantizedWeight(parts.get(0), parts.get(1), parts.size() == 3 ? parts.get(2) : null,
            Math.toIntExact(place.get(0)), place.get(1));
      }
    }
    if (view.equals("kept") && arguments.size() == 1 && parts.size() == 1) {
      return KeptCodes.of(parts.get(0)).orElseThrow(() -> new IrException("there are no codes behind this view"));
    }
    int others = view.equals("concat") ? 0 : arguments.size() - parts.size();
    if (!view.equals("computed") && (parts.isEmpty() || !view.equals("concat") && parts.size() != 1
        || others != (view.equals("concat") ? 0 : 1))) {
      throw new IrException("these aren't the arguments of " + view);
    }
    return switch (view) {
      case "transpose" -> new TransposedWeight(parts.get(0),
          ints(arguments.get(1)).stream().mapToInt(Math::toIntExact).toArray());
      case "cast" -> new CastWeight(parts.get(0), literals.element(arguments.get(1).getText(), arguments.get(1).getStart()));
      case "concat" -> new ConcatenatedWeight(parts);
      case "reshape" -> new ReshapedWeight(parts.get(0), ints(arguments.get(1)).stream().mapToLong(i -> i).toArray());
      case "rows" -> new RowsWeight(parts.get(0), ints(arguments.get(1)).get(0), ints(arguments.get(1)).get(1));
      case "head_rows" -> {
        List<Long> place = ints(arguments.get(1));
        if (place.size() != 3 && place.size() != 4 || place.get(2) < 1) {
          throw new IrException("head_rows needs the first row, the one behind the last, how many rows a head has, and perhaps how"
              + " often they are repeated");
        }
        yield new HeadRowsWeight(parts.get(0), place.get(0), place.get(1), place.get(2), place.size() == 4 ? place.get(3) : 1);
      }
      case "quantize" -> type instanceof QuantType q
          ? new QuantizedWeight(parts.get(0), q, scales(arguments.get(1).getText())) : null;
      case "computed" -> null;
      default -> throw new IrException("there is no view " + view + " of a weight");
    };
  }

  private static GroupFit.Scales scales(String word) {
    for (GroupFit.Scales s : GroupFit.Scales.values()) {
      if (s.keyword().equals(word)) {
        return s;
      }
    }
    throw new IrException("a group's scale comes from its range or from a search, not from '" + word + "'");
  }

  private WeightData file(List<CirParser.OriginArgumentContext> arguments) {
    if (arguments.size() != 3 || arguments.get(0).STRING() == null || arguments.get(1).INT() == null
        || arguments.get(2).type() == null) {
      throw new IrException("file needs a name, an offset and a type");
    }
    MappedFile file = files.find(Literals.unquoted(arguments.get(0).STRING().getText()));
    if (file == null) {
      return null;
    }
    if (!(literals.type(arguments.get(2).type()) instanceof TensorType t) || !t.isStatic()) {
      throw new IrException("a file holds dense tensors of known shape");
    }
    return new FileWeight(file, literals.integer(arguments.get(1).INT(0)), t);
  }

  private WeightData random(List<CirParser.OriginArgumentContext> arguments) {
    if (arguments.size() != 2 || arguments.get(0).INT().size() != 1 || arguments.get(1).type() == null
        || !(literals.type(arguments.get(1).type()) instanceof TensorType t) || !t.isStatic()) {
      throw new IrException("random needs a seed and a dense type of known shape");
    }
    if (Tensor.count(t.staticShape()) > MOST_RANDOM) { // they are made at once
      throw new IrException("expected at most " + MOST_RANDOM + " random elements, found " + t.text());
    }
    return new RandomWeight(literals.integer(arguments.get(0).INT(0)), t);
  }

  private List<Long> ints(CirParser.OriginArgumentContext a) {
    return a.INT().stream().map(literals::integer).toList();
  }
}
