package dev.catena.codegen.tensor.onnx;

import static dev.catena.codegen.tensor.onnx.Scalars.add;
import static dev.catena.codegen.tensor.onnx.Scalars.apply;
import static dev.catena.codegen.tensor.onnx.Scalars.constant;
import static dev.catena.codegen.tensor.onnx.Scalars.divide;
import static dev.catena.codegen.tensor.onnx.Scalars.less;
import static dev.catena.codegen.tensor.onnx.Scalars.multiply;
import static dev.catena.codegen.tensor.onnx.Scalars.rounded;
import static dev.catena.codegen.tensor.onnx.Scalars.select;

import dev.catena.codegen.tensor.Array;
import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.OperationCode;
import dev.catena.codegen.tensor.OperationSite;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.UnaryFunction;
import dev.catena.ir.ElementType;
import dev.catena.ir.NarrowFloat;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;

/** Arithmetic, comparisons, choices and casts, one element at a time. */
final class ElementwiseCode {
    private ElementwiseCode() {}

    static void addTo(Map<String, OperationCode> codes) {
        unary(codes, "Abs", x -> x.type().isFloat() || x.type().isSigned() ? apply(UnaryFunction.ABSOLUTE, x) : x);
        unary(codes, "Neg", UnaryFunction.NEGATE);
        unary(codes, "Sign", UnaryFunction.SIGN);
        unary(codes, "Not", UnaryFunction.NOT);
        unary(codes, "BitwiseNot", UnaryFunction.INVERT);
        unary(codes, "Floor", UnaryFunction.FLOOR);
        unary(codes, "Ceil", UnaryFunction.CEIL);
        unary(codes, "Round", UnaryFunction.ROUND);
        unary(codes, "Sqrt", UnaryFunction.SQUARE_ROOT);
        unary(codes, "Exp", UnaryFunction.EXP);
        unary(codes, "Log", UnaryFunction.LOG);
        unary(codes, "Sin", UnaryFunction.SIN);
        unary(codes, "Cos", UnaryFunction.COS);
        unary(codes, "Tan", UnaryFunction.TAN);
        unary(codes, "Asin", UnaryFunction.ASIN);
        unary(codes, "Acos", UnaryFunction.ACOS);
        unary(codes, "Atan", UnaryFunction.ATAN);
        unary(codes, "Sinh", UnaryFunction.SINH);
        unary(codes, "Cosh", UnaryFunction.COSH);
        unary(codes, "Tanh", UnaryFunction.TANH);
        unary(codes, "Asinh", UnaryFunction.ASINH);
        unary(codes, "Acosh", UnaryFunction.ACOSH);
        unary(codes, "Atanh", UnaryFunction.ATANH);
        unary(codes, "Erf", UnaryFunction.ERF);
        unary(codes, "Sigmoid", UnaryFunction.SIGMOID);
        unary(codes, "IsNaN", UnaryFunction.IS_NAN);
        unary(codes, "Reciprocal", x -> divide(constant(x.type(), 1.0), x));
        unary(codes, "Relu", x -> select(less(x, constant(x.type(), 0)), constant(x.type(), 0), x));
        unary(codes, "Softplus", x -> add(select(less(x, zero(x)), zero(x), x),
                apply(UnaryFunction.LOG1P, apply(UnaryFunction.EXP, negative(apply(UnaryFunction.ABSOLUTE, x))))));
        codes.put("onnx.Swish", site -> mapped(site, x -> multiply(x, apply(UnaryFunction.SIGMOID, multiply(real(site, "alpha", x), x)))));
        codes.put("onnx.Gelu", ElementwiseCode::gelu);
        codes.put("onnx.Cast", ElementwiseCode::cast);
        codes.put("onnx.CastLike", ElementwiseCode::cast);
        codes.put("onnx.Clip", ElementwiseCode::clip);
        codes.put("onnx.Where", site -> List.of(site.builder().elementwise(site.operation().result(),
                List.of(site.operand(0), site.operand(1), site.operand(2)), v -> select(v.get(0), v.get(1), v.get(2)))));
        binary(codes, "Add", BinaryFunction.ADD);
        binary(codes, "Sub", BinaryFunction.SUBTRACT);
        binary(codes, "Mul", BinaryFunction.MULTIPLY);
        codes.put("onnx.Div", site -> combined(site, (a, b) -> a.type().isFloat() ? divide(a, b)
                : new Scalar.Division(BinaryFunction.QUOTIENT, a, b, site.number())));
        codes.put("onnx.Mod", ElementwiseCode::remainder);
        codes.put("onnx.Pow", ElementwiseCode::power);
        binary(codes, "And", BinaryFunction.AND);
        binary(codes, "Or", BinaryFunction.OR);
        binary(codes, "Xor", BinaryFunction.XOR);
        binary(codes, "BitwiseAnd", BinaryFunction.BIT_AND);
        binary(codes, "BitwiseOr", BinaryFunction.BIT_OR);
        binary(codes, "BitwiseXor", BinaryFunction.BIT_XOR);
        codes.put("onnx.BitShift", site -> combined(site, (a, b) -> apply(site.operation().textAttribute("direction").equals("LEFT")
                ? BinaryFunction.SHIFT_LEFT : BinaryFunction.SHIFT_RIGHT, a, b)));
        binary(codes, "Equal", BinaryFunction.EQUAL);
        binary(codes, "Less", BinaryFunction.LESS);
        binary(codes, "LessOrEqual", BinaryFunction.LESS_OR_EQUAL);
        codes.put("onnx.Greater", site -> combined(site, (a, b) -> less(b, a)));
        codes.put("onnx.GreaterOrEqual", site -> combined(site, (a, b) -> apply(BinaryFunction.LESS_OR_EQUAL, b, a)));
        variadic(codes, "Max", BinaryFunction.MAXIMUM);
        variadic(codes, "Min", BinaryFunction.MINIMUM);
        variadic(codes, "Sum", BinaryFunction.ADD);
    }

    private static void unary(Map<String, OperationCode> codes, String name, UnaryFunction function) {
        unary(codes, name, x -> apply(function, x));
    }

    private static void unary(Map<String, OperationCode> codes, String name, UnaryOperator<Scalar> value) {
        codes.put("onnx." + name, site -> mapped(site, value));
    }

    private static void binary(Map<String, OperationCode> codes, String name, BinaryFunction function) {
        codes.put("onnx." + name, site -> combined(site, (a, b) -> apply(function, a, b)));
    }

    private static void variadic(Map<String, OperationCode> codes, String name, BinaryFunction function) {
        codes.put("onnx." + name, site -> List.of(site.builder().folded(site.operation().result(), site.operands(),
                (a, b) -> rounded(site.resultElement(), apply(function, a, b)))));
    }

    /** A function of the first operand's elements. */
    static List<Array> mapped(OperationSite site, UnaryOperator<Scalar> value) {
        return List.of(site.builder().elementwise(site.operation().result(), List.of(site.operand(0)),
                v -> rounded(site.resultElement(), value.apply(v.get(0)))));
    }

    private static List<Array> combined(OperationSite site, BiFunction<Scalar, Scalar, Scalar> value) {
        return List.of(site.builder().elementwise(site.operation().result(), List.of(site.operand(0), site.operand(1)),
                v -> rounded(site.resultElement(), value.apply(v.get(0), v.get(1)))));
    }

    private static Scalar zero(Scalar like) {
        return constant(like.type(), 0);
    }

    private static Scalar one(Scalar like) {
        return constant(like.type(), 1);
    }

    private static Scalar negative(Scalar x) {
        return apply(UnaryFunction.NEGATE, x);
    }

    private static Scalar real(OperationSite site, String attribute, Scalar like) {
        return constant(like.type(), site.operation().realAttribute(attribute));
    }

    private static List<Array> gelu(OperationSite site) {
        boolean exact = site.operation().textAttribute("approximate").equals("none");
        return mapped(site, x -> {
            Scalar inner = exact ? apply(UnaryFunction.ERF, multiply(x, constant(x.type(), Math.sqrt(0.5))))
                    : apply(UnaryFunction.TANH, multiply(constant(x.type(), Math.sqrt(2 / Math.PI)),
                            add(x, multiply(constant(x.type(), 0.044715), multiply(x, multiply(x, x))))));
            return multiply(multiply(constant(x.type(), 0.5), x), add(one(x), inner));
        });
    }

    private static List<Array> clip(OperationSite site) {
        List<Array> operands = new ArrayList<>(List.of(site.operand(0)));
        int low = site.has(1) ? operands.size() : -1;
        if (low > 0) {
            operands.add(scalar(site, 1));
        }
        int high = site.has(2) ? operands.size() : -1;
        if (high > 0) {
            operands.add(scalar(site, 2));
        }
        return List.of(site.builder().elementwise(site.operation().result(), operands, v -> {
            Scalar x = low < 0 ? v.get(0) : apply(BinaryFunction.MAXIMUM, v.get(0), v.get(low));
            return rounded(site.resultElement(), high < 0 ? x : apply(BinaryFunction.MINIMUM, x, v.get(high)));
        }));
    }

    /** An operand of one element, whatever its rank, as one of rank 0. */
    private static Array scalar(OperationSite site, int operand) {
        return site.operand(operand).rank() == 0 ? site.operand(operand) : site.builder().reshape(site.operand(operand), List.of());
    }

    private static List<Array> remainder(OperationSite site) {
        BinaryFunction function = site.operation().intAttribute("fmod") != 0 ? BinaryFunction.REMAINDER : BinaryFunction.MODULO;
        return combined(site, (a, b) -> a.type().isFloat() ? apply(function, a, b)
                : new Scalar.Division(function, a, b, site.number()));
    }

    /** In the base's type where both are integers, else in f64: an integer base may have a real exponent. */
    private static List<Array> power(OperationSite site) {
        return combined(site, (a, b) -> {
            if (!a.type().isFloat() && !b.type().isFloat()) {
                return OperationSite.convert(apply(BinaryFunction.POWER, OperationSite.convert(a, ScalarType.I64),
                        OperationSite.convert(b, ScalarType.I64)), a.type());
            }
            if (a.type() == ScalarType.F32 && b instanceof Scalar.Literal exponent && exponent.real() == 2) {
                return multiply(a, a);
            }
            return OperationSite.convert(apply(BinaryFunction.POWER, OperationSite.convert(a, ScalarType.F64),
                    OperationSite.convert(b, ScalarType.F64)), a.type());
        });
    }

    private static List<Array> cast(OperationSite site) {
        ElementType from = site.operand(0).element();
        ElementType to = site.resultElement();
        if (from == ElementType.STRING || to == ElementType.STRING) {
            throw site.builder().refuse("texts are not compiled");
        }
        NarrowFloat.RoundMode mode = NarrowFloat.RoundMode.valueOf(site.operation().textAttribute("round_mode").toUpperCase(Locale.ROOT));
        boolean saturate = !site.operation().hasAttribute("saturate") || site.operation().intAttribute("saturate") != 0;
        return List.of(site.builder().elementwise(site.operation().result(), List.of(site.operand(0)),
                v -> from == to ? v.get(0) : converted(v.get(0), to, saturate, mode)));
    }

    /** A value of any type in another: reals of 16 bits and less are rounded from the value itself, not from f32. */
    static Scalar converted(Scalar x, ElementType to, boolean saturate, NarrowFloat.RoundMode mode) {
        ScalarType type = ScalarType.of(to);
        if (type == ScalarType.BOOL) {
            return x.type() == ScalarType.BOOL ? x : apply(UnaryFunction.NOT, apply(BinaryFunction.EQUAL, x, zero(x)));
        }
        Scalar exact = type == ScalarType.F32 && x.type() != ScalarType.F32 && to != ElementType.F32
                ? OperationSite.convert(x, ScalarType.F64) : type == ScalarType.F32 ? x : OperationSite.convert(x, type);
        return switch (to) {
            case F32 -> OperationSite.convert(x, ScalarType.F32);
            case F64, I64, I32, I16, I8, U64, U32, U16, U8 -> exact;
            default -> new Scalar.Round(to, exact, saturate, mode);
        };
    }
}
