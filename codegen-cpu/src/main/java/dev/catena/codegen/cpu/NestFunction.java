package dev.catena.codegen.cpu;

import dev.catena.codegen.StructureHash;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.Nest;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.c.CElement;
import dev.catena.codegen.tensor.c.CParameters;
import dev.catena.codegen.tensor.c.CScalars;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A loop nest as a C function of the pointers and sizes that it reads, which it names by their order: two nests that do the
 * same are the same text.
 *
 * @param arguments what its caller hands it
 */
record NestFunction(String name, String source, List<String> arguments) {
    /** @param caller how the caller calls tensors and sizes */
    static NestFunction of(Nest nest, CScalars.Names caller) {
        return new Writer(nest, caller).function();
    }

    private static final class Writer {
        private final Nest nest;
        private final CScalars.Names caller;
        private final CParameters names = new CParameters();
        private final CScalars scalars = new CScalars(names, TensorLibrary.CLANG, 16);
        private final StringBuilder text = new StringBuilder();

        Writer(Nest nest, CScalars.Names caller) {
            this.nest = nest;
            this.caller = caller;
        }

        private String parameter(CParameters.Parameter parameter) {
            if (parameter instanceof CParameters.Pointer p) {
                return "const " + CElement.of(p.buffer().stored()).storage() + " *" + p.name();
            } else if (parameter instanceof CParameters.Value value) {
                return CScalars.type(value.variable().type()) + " " + value.name();
            }
            return "int64_t " + parameter.name();
        }

        private String argument(CParameters.Parameter parameter) {
            if (parameter instanceof CParameters.Pointer p) {
                return caller.pointer(p.buffer());
            } else if (parameter instanceof CParameters.Value value) {
                return caller.variable(value.variable());
            }
            return caller.operation(((CParameters.Operation) parameter).number());
        }

        private String counter(Scalar.Variable counter) {
            return names.counter(counter);
        }

        private void line(String indent, String format, Object... values) {
            text.append(indent).append(format.formatted(values)).append('\n');
        }

        private String value(Scalar x) {
            return scalars.text(x);
        }

        /**
         * The space flattened, a thread's part of it from one place to another: the last dimension is the inner loop, the others
         * are found by division once for each of its runs.
         */
        NestFunction function() {
            List<Scalar.Loop> loops = nest.loops().stream().filter(loop -> !Index.is(loop.extent(), 1)).toList();
            nest.loops().forEach(loop -> counter(loop.counter()));
            nest.loops().stream().filter(loop -> Index.is(loop.extent(), 1))
                    .forEach(loop -> line("  ", "const int64_t %s = 0;", counter(loop.counter())));
            String total = value(Index.product(loops.stream().map(Scalar.Loop::extent).toList()));
            if (nest.sequential()) {
                line("  ", "const int64_t from = 0, to = t->id == 0 ? %s : 0;", total);
            } else {
                line("  ", "int64_t from, to;");
                line("  ", "share(%s, %s, t, &from, &to);", total, value(work(nest.value())));
            }
            String inner = value(loops.isEmpty() ? Index.ONE : loops.get(loops.size() - 1).extent());
            String storage = CElement.of(nest.output().stored()).storage();
            line("  ", "for (int64_t at = from; at < to;) {");
            if (loops.size() > 1) {
                line("    ", "int64_t rest = at / %s;", inner);
            }
            for (int i = loops.size() - 2; i >= 0; i--) {
                String extent = value(loops.get(i).extent());
                line("    ", i == 0 ? "const int64_t %s = rest;" : "const int64_t %s = rest %% %s; rest /= %s;",
                        counter(loops.get(i).counter()), extent, extent);
            }
            line("    ", "const int64_t start = at %% %s;", inner);
            line("    ", "const int64_t end = to - at < %s - start ? start + (to - at) : %s;", inner, inner);
            line("    ", "%s *%srun = out + (at - start);", storage, restricted());
            String counter = loops.isEmpty() ? "only" : counter(loops.get(loops.size() - 1).counter());
            line("    ", "for (int64_t %s = start; %s < end; %s++) {", counter, counter, counter);
            store(counter);
            line("    ", "}");
            line("    ", "at += end - start;");
            line("  ", "}");
            String head = "(catena_graph *g, const catena_thread *t, " + storage + " *" + restricted() + "out"
                    + names.all().stream().map(p -> ", " + parameter(p)).collect(Collectors.joining()) + ") {\n" + text + "}\n";
            String name = "nest_" + StructureHash.of(head);
            List<String> all = new ArrayList<>(List.of("g", "t", caller.pointer(nest.output())));
            names.all().forEach(p -> all.add(argument(p)));
            return new NestFunction(name, "KERNEL void " + name + head, all);
        }

        /** What a walk in order stores it may also read. */
        private String restricted() {
            return nest.sequential() ? "" : "restrict ";
        }

        private void store(String counter) {
            CElement element = CElement.of(nest.output().stored());
            String place = nest.place().map(p -> "out[" + value(p) + "]").orElse("run[" + counter + "]");
            if (nest.combine().isPresent()) {
                String type = CScalars.type(nest.value().type());
                line("      ", "%s *const place = &%s;", element.storage(), place);
                line("      ", "const %s old = %s, added = %s;", type, element.load("*place"), value(nest.value()));
                line("      ", "*place = %s;", element.store(CScalars.binary(nest.combine().get(), nest.value().type(), "old", "added")));
            } else {
                line("      ", "%s = %s;", place, element.store(value(nest.value())));
            }
        }

        /** A guess at the steps that one value takes. */
        private static Scalar work(Scalar value) {
            if (value instanceof Scalar.Reduce reduce) {
                return Index.multiply(Index.of(reduce.body().size()),
                        Index.product(reduce.loops().stream().map(Scalar.Loop::extent).toList()));
            } else if (value instanceof Scalar.Unary unary) {
                return work(unary.x());
            } else if (value instanceof Scalar.Round round) {
                return work(round.x());
            } else if (value instanceof Scalar.Binary binary) {
                Scalar a = work(binary.a());
                Scalar b = work(binary.b());
                return !Index.isKnown(a) ? a : !Index.isKnown(b) ? b : Index.of(Math.max(Index.value(a), Index.value(b)) + 1);
            }
            return Index.of(value.size());
        }
    }
}
