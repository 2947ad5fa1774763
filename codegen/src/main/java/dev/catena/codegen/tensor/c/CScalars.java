package dev.catena.codegen.tensor.c;

import dev.catena.codegen.tensor.BinaryFunction;
import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.StoredType;
import dev.catena.codegen.tensor.UnaryFunction;
import java.util.List;
import java.util.Locale;

/**
 * Expressions in what C and CUDA C++ have in common, over the functions of scalars.c, narrow.c and those that each target
 * brings: {@code FUNCTION_f32} and {@code FUNCTION_f64} for every {@link dev.catena.codegen.tensor.UnaryFunction} of reals,
 * {@code F32_NAN}, {@code F32_INFINITY} and those of F64, {@code power}, {@code remainder}, {@code modulo}, {@code maximum}, {@code minimum} likewise. Integers wrap: they are added in
 * unsigned types, so that no compiler draws conclusions.
 */
public final class CScalars {
    /** How an expression calls what stands outside it. */
    public interface Names {
        /** The pointer to a buffer's elements. */
        String pointer(Buffer buffer);

        String variable(Scalar.Variable variable);

        /** A counter of a loop within the expression. */
        String counter(Scalar.Variable counter);

        /** The number by which an operation's errors are reported. */
        String operation(int number);
    }

    /** What the languages don't have in common. */
    @FunctionalInterface
    public interface Language {
        /**
         * Statements as an expression.
         *
         * @param reals whether they reduce reals, whose order is free: the same one whenever the code runs
         */
        String block(boolean reals, String statements, String value);
    }

    private final Names names;
    private final Language language;
    private final int lanes;
    private int reductions;

    public CScalars(Names names, Language language) {
        this(names, language, 1);
    }

    /** @param lanes in how many places at once the largest and smallest reals are found */
    public CScalars(Names names, Language language, int lanes) {
        this.names = names;
        this.language = language;
        this.lanes = lanes;
    }

    public static String type(ScalarType type) {
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

    public static String integer(ScalarType type, long value) {
        if (type == ScalarType.U64) {
            return Long.toUnsignedString(value) + "ul";
        }
        return value == Long.MIN_VALUE ? "(-0x7fffffffffffffffl - 1)" : type.bits() == 64 || Math.abs(value) > Integer.MAX_VALUE
                ? value + "l" : Long.toString(value);
    }

    /** A real as a literal with the same value, bit for bit (but for a NaN's payload). */
    public static String real(double value, boolean f32) {
        if (Double.isNaN(value)) {
            return f32 ? "F32_NAN" : "F64_NAN";
        }
        if (Double.isInfinite(value)) {
            return (value < 0 ? "-" : "") + (f32 ? "F32_INFINITY" : "F64_INFINITY");
        }
        if (value == Math.rint(value) && Math.abs(value) < 1e6 && (value != 0 || 1 / value > 0)) {
            return (long) value + ".0" + (f32 ? "f" : "");
        }
        return f32 ? Float.toHexString((float) value) + "f" : Double.toHexString(value);
    }

    public String text(Scalar x) {
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
        if (type.isFloat()) {
            return unary.function() == UnaryFunction.NEGATE ? "(-" + x + ")"
                    : unary.function().name().toLowerCase(Locale.ROOT) + suffix(type) + x + ")";
        }
        return switch (unary.function()) {
            case NEGATE -> "(" + type(type) + ")(0 - (" + unsigned(type) + ")" + x + ")";
            case ABSOLUTE, SIGN -> unary.function().name().toLowerCase(Locale.ROOT) + "_" + type(type) + "(" + x + ")";
            case NOT -> "(uint8_t)!" + x;
            case INVERT -> "(" + type(type) + ")~" + x;
            default -> x;                                   // to a whole number
        };
    }

    /** The type of as many bits without a sign. */
    private static String unsigned(ScalarType type) {
        return "uint" + type.bits() + "_t";
    }

    private String binary(Scalar.Binary binary) {
        ScalarType type = binary.a().type();
        String a = text(binary.a());
        String b = text(binary.b());
        return binary(binary.function(), type, a, b);
    }

    public static String binary(BinaryFunction function, ScalarType type, String a, String b) {
        return switch (function) {
            case ADD -> arithmetic("+", type, a, b);
            case SUBTRACT -> arithmetic("-", type, a, b);
            case MULTIPLY -> arithmetic("*", type, a, b);
            case QUOTIENT -> "(" + a + " / " + b + ")";
            case REMAINDER -> type.isFloat() ? named(function, type, a, b) : "(" + a + " % " + b + ")";
            case MODULO, POWER, MAXIMUM, MINIMUM, SHIFT_LEFT, SHIFT_RIGHT -> named(function, type, a, b);
            case BIT_AND -> arithmetic("&", type, a, b);
            case BIT_OR -> arithmetic("|", type, a, b);
            case BIT_XOR -> arithmetic("^", type, a, b);
            case AND -> "(" + a + " & " + b + ")";
            case OR -> "(" + a + " | " + b + ")";
            case XOR -> "(" + a + " ^ " + b + ")";
            case EQUAL -> "(uint8_t)(" + a + " == " + b + ")";
            case LESS -> "(uint8_t)(" + a + " < " + b + ")";
            case LESS_OR_EQUAL -> "(uint8_t)(" + a + " <= " + b + ")";
        };
    }

    private static String arithmetic(String sign, ScalarType type, String a, String b) {
        if (type.isFloat() || type == ScalarType.INDEX || !type.isSigned() && type.bits() >= 32) {
            return "(" + a + " " + sign + " " + b + ")";
        }
        String wide = type.bits() == 64 ? "(uint64_t)" : "(uint32_t)";
        return "(" + type(type) + ")(" + wide + a + " " + sign + " " + wide + b + ")";
    }

    private static String named(BinaryFunction function, ScalarType type, String a, String b) {
        return function.name().toLowerCase(Locale.ROOT) + (type.isFloat() ? suffix(type) : "_" + type(type) + "(") + a + ", " + b + ")";
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

    private String reduce(Scalar.Reduce reduce) {
        String name = "sum" + reductions++;
        ScalarType type = reduce.type();
        StringBuilder text = new StringBuilder(type(type)).append(' ').append(name).append(" = ").append(text(reduce.start())).append("; ");
        if (lanes > 1 && type.isFloat() && !reduce.loops().isEmpty()
                && (reduce.function() == BinaryFunction.MAXIMUM || reduce.function() == BinaryFunction.MINIMUM)) {
            return language.block(true, text.append(extremumOf(reduce, name)).toString(), name);
        }
        for (Scalar.Loop loop : reduce.loops()) {
            String extent = text(loop.extent());
            String i = names.counter(loop.counter());
            text.append("for (int64_t ").append(i).append(" = 0; ").append(i).append(" < ").append(extent).append("; ")
                    .append(i).append("++) ");
        }
        text.append(name).append(" = ").append(binary(reduce.function(), type, name, text(reduce.body()))).append(";");
        return language.block(type.isFloat(), text.toString(), name);
    }

    /** The largest or smallest real, found in several places at once: compilers don't know that the order doesn't matter, NaN or not. */
    private String extremumOf(Scalar.Reduce reduce, String name) {
        String parts = name + "_parts";
        String lane = name + "_lane";
        StringBuilder text = new StringBuilder("%s %s[%d]; for (int64_t %s = 0; %s < %d; %s++) %s[%s] = %s; ".formatted(
                type(reduce.type()), parts, lanes, lane, lane, lanes, lane, parts, lane, name));
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
        text.append("{ int64_t %s = 0; for (; %s + %d <= %s; %s += %d) for (int64_t %s = 0; %s < %d; %s++) { const int64_t %s = %s + %s; "
                .formatted(from, from, lanes, extent, from, lanes, lane, lane, lanes, lane, i, from, lane));
        text.append("%s[%s] = %s; } ".formatted(parts, lane, binary(reduce.function(), reduce.type(), parts + "[" + lane + "]", body)));
        text.append("for (int64_t %s = %s; %s < %s; %s++) %s = %s; } ".formatted(i, from, i, extent, i, name,
                binary(reduce.function(), reduce.type(), name, body)));
        return text.append("for (int64_t %s = 0; %s < %d; %s++) %s = %s;".formatted(lane, lane, lanes, lane, name,
                binary(reduce.function(), reduce.type(), name, parts + "[" + lane + "]"))).toString();
    }
}
