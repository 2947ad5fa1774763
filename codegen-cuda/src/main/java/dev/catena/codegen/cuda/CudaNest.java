package dev.catena.codegen.cuda;

import dev.catena.codegen.StructureHash;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.Nest;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.ScalarType;
import dev.catena.codegen.tensor.Statement;
import dev.catena.codegen.tensor.c.CElement;
import dev.catena.codegen.tensor.c.CParameters;
import dev.catena.codegen.tensor.c.CScalars;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A loop nest, or a matrix product, as a CUDA kernel: a thread takes one element after the other of the flattened space, with
 * what is reduced in a loop of its own. What it reads stands in slots that its parameters point to.
 *
 * @param parameters what they are, after the two that all have (whether to run at all, the output)
 * @param elements   of the space; 1 where they are to be taken in order, 0 = known only when it runs, -1 = there are none
 */
record CudaNest(String name, String source, List<CParameters.Parameter> parameters, long elements) {
    /** Threads of a block, at most. */
    static final int THREADS = 128;

    /** C++ has statements as expressions by functions without a name. */
    static final CScalars.Language CPP = (reals, statements, value) -> "[&] { " + statements + " return " + value + "; }()";

    static CudaNest of(Nest nest) {
        Writer w = new Writer(CElement.of(nest.output().stored()).storage());
        List<String> body = w.index(nest.loops());
        String element = nest.place().map(w::value).orElse("at");
        CElement stored = CElement.of(nest.output().stored());
        if (nest.combine().isPresent()) {
            String type = CScalars.type(nest.value().type());
            body.add(stored.storage() + " *const place = &out[" + element + "];");
            body.add("const " + type + " old = " + stored.load("*place") + ", added = " + w.value(nest.value()) + ";");
            body.add("*place = " + stored.store(CScalars.binary(nest.combine().get(), nest.value().type(), "old", "added")) + ";");
        } else {
            body.add("out[" + element + "] = " + stored.store(w.value(nest.value())) + ";");
        }
        return w.kernel("nest", nest.loops(), body, nest.sequential());
    }

    /** An element of c for each thread, summed in order of k. */
    static CudaNest of(Statement.MatMul product) {
        Writer w = new Writer(CElement.of(product.c().stored()).storage());
        Scalar.Loop row = new Scalar.Loop(new Scalar.Variable(ScalarType.INDEX, "row of c"), product.m());
        Scalar.Loop column = new Scalar.Loop(new Scalar.Variable(ScalarType.INDEX, "column of c"), product.n());
        List<Scalar.Loop> loops = new ArrayList<>(product.batch());
        loops.add(row);
        loops.add(column);
        List<String> body = w.index(loops);
        String type = CScalars.type(product.sum());
        String k = w.value(product.k());
        String n = w.value(product.n());
        CElement a = CElement.of(product.a().stored());
        CElement b = CElement.of(product.b().stored());
        body.add("const " + a.storage() + " *const left = " + w.names.pointer(product.a()) + " + " + w.value(product.aOffset()) + " + "
                + w.value(row.counter()) + " * " + k + ";");
        body.add("const " + b.storage() + " *const right = " + w.names.pointer(product.b()) + " + " + w.value(product.bOffset()) + " + "
                + w.value(column.counter()) + ";");
        String x = "(" + type + ")" + a.load("left[i]");
        String y = "(" + type + ")" + b.load("right[i * " + n + "]");
        body.add(type + " sum = 0;");
        body.add("for (int64_t i = 0; i < " + k + "; i++) sum = " + switch (product.sum()) {
            case F32 -> "fmaf(" + x + ", " + y + ", sum)";
            case F64 -> "fma(" + x + ", " + y + ", sum)";
            default -> "(" + type + ")((uint64_t)sum + (uint64_t)" + x + " * (uint64_t)" + y + ")";
        } + ";");
        body.add("out[at] = " + CElement.of(product.c().stored()).store("(sum)") + ";");
        return w.kernel("mat_mul", loops, body, false);
    }

    /** A value of a type, as it stands in a slot. */
    static String value(ScalarType type, String slot) {
        return switch (type) {
            case INDEX, I64 -> slot;
            case F32 -> "f32_of_bits((uint32_t)" + slot + ")";
            case F64 -> "f64_of_bits((uint64_t)" + slot + ")";
            default -> "((" + CScalars.type(type) + ")" + slot + ")";
        };
    }

    private static final class Writer {
        private final String output;
        private final CParameters names = new CParameters();
        private final CScalars scalars = new CScalars(names, CPP);

        Writer(String output) {
            this.output = output;
        }

        String value(Scalar x) {
            return scalars.text(x);
        }

        /** Lines that find the counters of a space at the place {@code at} of its row-major order. */
        List<String> index(List<Scalar.Loop> loops) {
            List<String> lines = new ArrayList<>();
            loops.forEach(loop -> names.counter(loop.counter()));
            List<Scalar.Loop> real = loops.stream().filter(loop -> !Index.is(loop.extent(), 1)).toList();
            loops.stream().filter(loop -> Index.is(loop.extent(), 1))
                    .forEach(loop -> lines.add("const int64_t " + value(loop.counter()) + " = 0;"));
            if (real.size() == 1) {
                lines.add("const int64_t " + value(real.get(0).counter()) + " = at;");
                return lines;
            }
            for (int i = real.size() - 1; i >= 0; i--) {
                String counter = value(real.get(i).counter());
                String extent = value(real.get(i).extent());
                String from = i == real.size() - 1 ? "at" : "rest";
                if (i == 0) {
                    lines.add("const int64_t " + counter + " = rest;");
                } else {
                    lines.add("const int64_t " + counter + " = " + from + " % " + extent + ";");
                    lines.add((i == real.size() - 1 ? "int64_t " : "") + "rest = " + from + " / " + extent + ";");
                }
            }
            return lines;
        }

        CudaNest kernel(String prefix, List<Scalar.Loop> loops, List<String> body, boolean inOrder) {
            Scalar total = Index.product(loops.stream().map(Scalar.Loop::extent).toList());
            String count = value(total);
            StringBuilder text = new StringBuilder("(catena_graph *g, const int64_t *when, const int64_t *out_");
            names.all().forEach(p -> text.append(", const int64_t *").append(p.name()).append('_'));
            text.append(") {\n  if (!g->slots[0] || !*when) return;\n  ").append(output).append(" *const out = (").append(output)
                    .append(" *)*out_;\n");
            names.all().forEach(p -> text.append("  const ").append(declaration(p)).append(";\n"));
            text.append("  for (int64_t at = first_element(); at < ").append(count).append("; at += element_step()) {\n    ")
                    .append(body.stream().collect(Collectors.joining("\n    "))).append("\n  }\n}\n");
            String name = prefix + "_" + StructureHash.of(text.toString());
            long elements = !Index.isKnown(total) ? inOrder ? 1 : 0 : Index.value(total) == 0 ? -1 : inOrder ? 1 : Index.value(total);
            return new CudaNest(name, "extern \"C\" __global__ __launch_bounds__(" + THREADS + ") void " + name + text, names.all(), elements);
        }

        private static String declaration(CParameters.Parameter parameter) {
            String name = parameter.name();
            if (parameter instanceof CParameters.Pointer p) {
                String storage = CElement.of(p.buffer().stored()).storage();
                return storage + " *const " + name + " = (const " + storage + " *)*" + name + "_";
            } else if (parameter instanceof CParameters.Value v) {
                return CScalars.type(v.variable().type()) + " " + name + " = " + CudaNest.value(v.variable().type(), "*" + name + "_");
            }
            return "int64_t " + name + " = *" + name + "_";
        }
    }
}
