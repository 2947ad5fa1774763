package dev.catena.codegen.cpu;

import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.StoredType;
import dev.catena.codegen.tensor.UnaryFunction;
import java.util.List;
import java.util.Locale;

/** Expressions in C, over the functions of tensor_runtime.c and tensor_math.c. Signed integers wrap (-fwrapv). */
final class CScalars {
    /** How an expression calls what stands outside it. */
    interface Names {
        /** The pointer to a buffer's elements. */
        String pointer(Buffer buffer);

        String variable(Scalar.Variable variable);

        /** A counter of a loop within the expression. */
        String counter(Scalar.Variable counter);

        /** The number by which an operation's errors are reported. */
        String operation(int number);
    }

    private final Names names;
    private int reductions;

    CScalars(Names names) {
        this.names = names;
    }

    static String type(ScalarType type) {
        return switch (type) {
            case INDEX, I64 -> "int64_t";
            case F64 -> "double";
            case F32 -> "float";
            case I32 -> "int32_t";
            case I16 -> "int16_t";
            case I8 -> "int8_t";
            case U64 -> "uint64_t";
            case U32 -> "uint32_t";
            case U16 -> "uint16_t";
            case U8, BOOL -> "uint8_t";
        };
    }

    static String integer(ScalarType type, long value) {
        if (type == ScalarType.U64) {
            return Long.toUnsignedString(value) + "ul";
        }
        return value == Long.MIN_VALUE ? "(-0x7fffffffffffffffl - 1)" : type.bits() == 64 || Math.abs(value) > Integer.MAX_VALUE
                ? value + "l" : Long.toString(value);
    }

    /** A real as a literal with the same value, bit for bit (but for a NaN's payload). */
    static String real(double value, boolean f32) {
        if (Double.isNaN(value)) {
            return f32 ? "__builtin_nanf(\"\")" : "__builtin_nan(\"\")";
        }
        if (Double.isInfinite(value)) {
            return (value < 0 ? "-" : "") + (f32 ? "__builtin_inff()" : "__builtin_inf()");
        }
        if (value == Math.rint(value) && Math.abs(value) < 1e6 && (value != 0 || 1 / value > 0)) {
            return (long) value + ".0" + (f32 ? "f" : "");
        }
        return f32 ? Float.toHexString((float) value) + "f" : Double.toHexString(value);
    }

    String text(Scalar x) {
        if (x instanceof Scalar.Literal literal) {
            return literal.type().isFloat() ? real(literal.real(), literal.type() == ScalarType.F32)
                    : integer(literal.type(), literal.bits());
        } else if (x instanceof Scalar.Variable variable) {
            return names.variable(variable);
        } else if (x instanceof Scalar.Load load) {
            return CElement.of(load.buffer().stored()).load(names.pointer(load.buffer()) + "[" + text(load.index()) + "]");
        } else if (x instanceof Scalar.Unary unary) {
            return unary(unary);
        } else if (x instanceof Scalar.Binary binary) {
            return binary(binary);
        } else if (x instanceof Scalar.Division division) {
            return division.function().name().toLowerCase(Locale.ROOT) + "_" + type(division.type()) + "(" + text(division.a()) + ", "
                    + text(division.b()) + ", g, " + names.operation(division.operation()) + ")";
        } else if (x instanceof Scalar.Select select) {
            return "(" + text(select.condition()) + " ? " + text(select.yes()) + " : " + text(select.no()) + ")";
        } else if (x instanceof Scalar.Convert convert) {
            return convert(convert);
        } else if (x instanceof Scalar.Round round) {
            return round(round);
        } else if (x instanceof Scalar.CheckedIndex checked) {
            return "checked_index(" + text(checked.index()) + ", " + text(checked.extent()) + ", g, " + names.operation(checked.operation()) + ")";
        }
        return reduce((Scalar.Reduce) x);
    }

    private static String suffix(ScalarType type) {
        return type == ScalarType.F32 ? "_f32(" : "_f64(";
    }

    private String unary(Scalar.Unary unary) {
        ScalarType type = unary.x().type();
        String x = text(unary.x());
        boolean real = type.isFloat();
        String f = type == ScalarType.F32 ? "f(" : "(";
        return switch (unary.function()) {
            case NEGATE -> real ? "(-" + x + ")" : "(" + type(type) + ")(0 - " + x + ")";
            case ABSOLUTE -> real ? "__builtin_fabs" + f + x + ")" : "({ const " + type(type) + " x_ = " + x + "; (" + type(type)
                    + ")(x_ < 0 ? 0 - x_ : x_); })";
            case SIGN -> real ? "sign" + suffix(type) + x + ")" : "({ const " + type(type) + " x_ = " + x + "; (" + type(type)
                    + ")((x_ > 0) - (x_ < 0)); })";
            case NOT -> "(uint8_t)!" + x;
            case INVERT -> "(" + type(type) + ")~" + x;
            case FLOOR -> real ? "__builtin_floor" + f + x + ")" : x;
            case CEIL -> real ? "__builtin_ceil" + f + x + ")" : x;
            case ROUND -> real ? "__builtin_rint" + f + x + ")" : x;
            case TRUNCATE -> real ? "__builtin_trunc" + f + x + ")" : x;
            case SQUARE_ROOT -> "__builtin_sqrt" + f + x + ")";
            case IS_NAN -> "({ const " + type(type) + " x_ = " + x + "; (uint8_t)(x_ != x_); })";
            case IS_INFINITE -> "(uint8_t)(__builtin_fabs" + f + x + ") == __builtin_inff())";
            default -> unary.function().name().toLowerCase(Locale.ROOT) + suffix(type) + x + ")";
        };
    }

    private String binary(Scalar.Binary binary) {
        ScalarType type = binary.a().type();
        String a = text(binary.a());
        String b = text(binary.b());
        return binary(binary.function(), type, a, b);
    }

    static String binary(BinaryFunction function, ScalarType type, String a, String b) {
        String cast = type.isFloat() || type == ScalarType.INDEX || type.bits() == 64 || type.bits() == 32 ? "" : "(" + type(type) + ")";
        return switch (function) {
            case ADD -> cast + "(" + a + " + " + b + ")";
            case SUBTRACT -> cast + "(" + a + " - " + b + ")";
            case MULTIPLY -> type == ScalarType.U16 ? "(uint16_t)((uint32_t)" + a + " * " + b + ")" : cast + "(" + a + " * " + b + ")";
            case QUOTIENT -> "(" + a + " / " + b + ")";
            case REMAINDER -> type.isFloat() ? "remainder" + suffix(type) + a + ", " + b + ")" : "(" + a + " % " + b + ")";
            case MODULO -> "modulo" + suffix(type) + a + ", " + b + ")";
            case POWER -> "power_" + (type.isFloat() ? suffix(type).substring(1) : type(type) + "(") + a + ", " + b + ")";
            case MAXIMUM -> extremum("maximum", ">", type, a, b);
            case MINIMUM -> extremum("minimum", "<", type, a, b);
            case BIT_AND -> cast + "(" + a + " & " + b + ")";
            case BIT_OR -> cast + "(" + a + " | " + b + ")";
            case BIT_XOR -> cast + "(" + a + " ^ " + b + ")";
            case SHIFT_LEFT -> shift("<<", type, a, b);
            case SHIFT_RIGHT -> shift(">>", type, a, b);
            case AND -> "(" + a + " & " + b + ")";
            case OR -> "(" + a + " | " + b + ")";
            case XOR -> "(" + a + " ^ " + b + ")";
            case EQUAL -> "(uint8_t)(" + a + " == " + b + ")";
            case LESS -> "(uint8_t)(" + a + " < " + b + ")";
            case LESS_OR_EQUAL -> "(uint8_t)(" + a + " <= " + b + ")";
        };
    }

    private static String extremum(String name, String sign, ScalarType type, String a, String b) {
        return type.isFloat() ? name + suffix(type) + a + ", " + b + ")" : "({ const " + type(type) + " a_ = " + a + ", b_ = " + b
                + "; a_ " + sign + " b_ ? a_ : b_; })";
    }

    /** A shift by all bits or more gives 0. */
    private static String shift(String sign, ScalarType type, String a, String b) {
        return "({ const " + type(type) + " a_ = " + a + ", b_ = " + b + "; (" + type(type) + ")(b_ < " + type.bits() + " ? a_ " + sign
                + " b_ : 0); })";
    }

    private String convert(Scalar.Convert convert) {
        ScalarType from = convert.x().type();
        ScalarType to = convert.type();
        String x = text(convert.x());
        if (from.isFloat() && to.isInteger() && isHeldIn32Bits(convert.x())) {
            return "(" + type(to) + ")int32_held" + suffix(from) + x + ")";
        }
        if (from.isFloat() && to.isInteger()) {
            return "(" + type(to) + ")" + (to == ScalarType.U64 ? "uint64_of(" : "int64_of(") + x + ")";
        }
        return "((" + type(to) + ")" + x + ")";
    }

    /** Whether a real is clipped to a range of 32-bit integers, as codes are: then no range need be checked, which makes vector code. */
    private static boolean isHeldIn32Bits(Scalar x) {
        if (x instanceof Scalar.Unary unary && unary.function() == UnaryFunction.ROUND) {
            return isHeldIn32Bits(unary.x());
        }
        return x instanceof Scalar.Binary top && top.function() == BinaryFunction.MINIMUM && top.b() instanceof Scalar.Literal high
                && top.a() instanceof Scalar.Binary bottom && bottom.function() == BinaryFunction.MAXIMUM
                && bottom.b() instanceof Scalar.Literal low && low.real() >= -0x1p30 && high.real() <= 0x1p30 && low.real() <= high.real();
    }

    private String round(Scalar.Round round) {
        StoredType element = round.stored();
        boolean wide = round.x().type() == ScalarType.F64;
        String x = text(round.x());
        String narrow = wide ? "f32_to_odd(" + x + ")" : x;
        return switch (element) {
            case F16 -> "round_f16(" + narrow + ")";
            case BF16 -> "round_bf16(" + narrow + ")";
            case F32 -> "(float)" + x;
            case F64, I64, I32, I16, I8, U64, U32, U16, U8, BOOL -> x;
            case F8E8M0 -> "round_f8e8m0(" + x + ", " + (round.saturate() ? 1 : 0) + ", " + round.direction() + ")";
            default -> "round_" + element.keyword() + "(" + x + (element.isInteger() ? ")" : ", " + (round.saturate() ? 1 : 0) + ")");
        };
    }

    /** Sums of reals may be taken in any order, so that they become vector code: in the same one whenever the code runs. */
    private String reduce(Scalar.Reduce reduce) {
        String name = "sum" + reductions++;
        ScalarType type = reduce.type();
        StringBuilder text = new StringBuilder("({ ");
        if (type.isFloat()) {
            text.append("_Pragma(\"clang fp reassociate(on)\") ");
        }
        text.append(type(type)).append(' ').append(name).append(" = ").append(text(reduce.start())).append("; ");
        if (type.isFloat() && !reduce.loops().isEmpty()
                && (reduce.function() == BinaryFunction.MAXIMUM || reduce.function() == BinaryFunction.MINIMUM)) {
            return text.append(extremumOf(reduce, name)).append(name).append("; })").toString();
        }
        for (Scalar.Loop loop : reduce.loops()) {
            String extent = text(loop.extent());
            String i = names.counter(loop.counter());
            text.append("for (int64_t ").append(i).append(" = 0; ").append(i).append(" < ").append(extent).append("; ")
                    .append(i).append("++) ");
        }
        return text.append(name).append(" = ").append(binary(reduce.function(), type, name, text(reduce.body()))).append("; ")
                .append(name).append("; })").toString();
    }

    /** The largest or smallest real, found in sixteen places at once: compilers don't know that the order doesn't matter, NaN or not. */
    private String extremumOf(Scalar.Reduce reduce, String name) {
        String parts = name + "_parts";
        String lane = name + "_lane";
        String real = type(reduce.type());
        StringBuilder text = new StringBuilder("%s %s[16]; for (int64_t %s = 0; %s < 16; %s++) %s[%s] = %s; ".formatted(
                real, parts, lane, lane, lane, parts, lane, name));
        List<Scalar.Loop> loops = reduce.loops();
        for (Scalar.Loop loop : loops.subList(0, loops.size() - 1)) {
            String i = names.counter(loop.counter());
            text.append("for (int64_t %s = 0; %s < %s; %s++) ".formatted(i, i, text(loop.extent()), i));
        }
        Scalar.Loop last = loops.get(loops.size() - 1);
        String i = names.counter(last.counter());
        String extent = text(last.extent());
        String from = name + "_from";
        String body = text(reduce.body());
        text.append("{ int64_t %s = 0; for (; %s + 16 <= %s; %s += 16) for (int64_t %s = 0; %s < 16; %s++) { const int64_t %s = %s + %s; "
                .formatted(from, from, extent, from, lane, lane, lane, i, from, lane));
        text.append("%s[%s] = %s; } ".formatted(parts, lane, binary(reduce.function(), reduce.type(), parts + "[" + lane + "]", body)));
        text.append("for (int64_t %s = %s; %s < %s; %s++) %s = %s; } ".formatted(i, from, i, extent, i, name,
                binary(reduce.function(), reduce.type(), name, body)));
        return text.append("for (int64_t %s = 0; %s < 16; %s++) %s = %s; ".formatted(lane, lane, lane, name,
                binary(reduce.function(), reduce.type(), name, parts + "[" + lane + "]"))).toString();
    }
}
