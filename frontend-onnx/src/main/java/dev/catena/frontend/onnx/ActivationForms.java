package dev.catena.frontend.onnx;

import dev.catena.ir.ElementType;
import dev.catena.ir.Value;
import java.util.List;

/** Activation functions that the standard defines by other operations, said in those. */
final class ActivationForms {
  private final FormBuilder b;

  ActivationForms(FormBuilder builder) {
    b = builder;
  }

  /** The function's value, or null where the operation is none of these. */
  Value convert(String operation) {
    return switch (operation) {
      case "Elu" -> {
        b.allow("alpha");
        Value x = x();
        yield negativeElse(x, times(b.real("alpha", 1), minusOne(b.op("Exp", x))), x);
      }
      case "Celu" -> {
        b.allow("alpha");
        Value x = x();
        double alpha = b.real("alpha", 1);
        yield b.op("Add", b.op("Max", x, b.number(x, 0)), b.op("Min", b.number(x, 0),
            times(alpha, minusOne(b.op("Exp", b.op("Div", x, b.number(x, alpha)))))));
      }
      case "Selu" -> {
        b.allow("alpha", "gamma");
        Value x = x();
        double gamma = b.real("gamma", 1.05070102214813232421875);
        yield times(gamma, negativeElse(x, times(b.real("alpha", 1.67326319217681884765625), minusOne(b.op("Exp", x))), x));
      }
      case "LeakyRelu" -> {
        b.allow("alpha");
        Value x = x();
        yield negativeElse(x, times(b.real("alpha", 0.01), x), x);
      }
      case "PRelu" -> {
        b.allow();
        Value x = x();
        yield negativeElse(x, b.op("Mul", x, b.operand(1, "slope")), x);
      }
      case "ThresholdedRelu" -> {
        b.allow("alpha");
        Value x = x();
        yield b.op("Where", b.op("Greater", x, b.number(x, b.real("alpha", 1))), x, b.number(x, 0));
      }
      case "HardSigmoid" -> {
        b.allow("alpha", "beta");
        yield hardSigmoid(x(), b.real("alpha", 0.2), b.real("beta", 0.5));
      }
      case "HardSwish" -> {
        b.allow();
        Value x = x();
        yield b.op("Mul", x, hardSigmoid(x, 1.0 / 6, 0.5));
      }
      case "Mish" -> {
        b.allow();
        Value x = x();
        yield b.op("Mul", x, b.op("Tanh", b.op("Softplus", x)));
      }
      case "SwiGLU" -> {
        b.allow("alpha");
        yield b.op("Mul", b.with("Swish", List.of(b.operand(0, "A")), "alpha", b.real("alpha", 1)), b.operand(1, "B"));
      }
      case "Softsign" -> {
        b.allow();
        Value x = x();
        yield b.op("Div", x, b.op("Add", b.number(x, 1), b.op("Abs", x)));
      }
      case "Shrink" -> {
        b.allow("lambd", "bias");
        Value x = x();
        double lambda = b.real("lambd", 0.5);
        Value bias = b.number(x, b.real("bias", 0));
        Value wide = b.cast(x, ElementType.F32); // lambd is a real also where x is of integers
        yield b.op("Where", b.op("Less", wide, b.number(wide, -lambda)), b.op("Add", x, bias),
            b.op("Where", b.op("Greater", wide, b.number(wide, lambda)), b.op("Sub", x, bias), b.number(x, 0)));
      }
      default -> null;
    };
  }

  private Value x() {
    return b.operand(0, "X");
  }

  private Value times(double factor, Value x) {
    return b.op("Mul", b.number(x, factor), x);
  }

  private Value minusOne(Value x) {
    return b.op("Sub", x, b.number(x, 1));
  }

  private Value negativeElse(Value x, Value negative, Value otherwise) {
    return b.op("Where", b.op("Less", x, b.number(x, 0)), negative, otherwise);
  }

  private Value hardSigmoid(Value x, double alpha, double beta) {
    Value line = b.op("Add", times(alpha, x), b.number(x, beta));
    return b.op("Max", b.number(x, 0), b.op("Min", b.number(x, 1), line));
  }
}
