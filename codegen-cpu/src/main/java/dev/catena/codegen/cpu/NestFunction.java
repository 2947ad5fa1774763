package dev.catena.codegen.cpu;

import dev.catena.codegen.StructureHash;
import dev.catena.codegen.tensor.Buffer;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.Nest;
import dev.catena.codegen.tensor.Scalar;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * A loop nest as a C function of the pointers and sizes that it reads, which it names by their order: two nests that do the
 * same are the same text.
 *
 * @param arguments what its caller hands it
 */
record NestFunction(String name, String source, List<String> arguments) {
    /** @param pointer how the caller calls the pointer to a buffer */
    static NestFunction of(Nest nest, Function<Buffer, String> pointer) {
        return new Writer(nest, pointer).function();
    }

    private static final class Writer implements CScalars.Names {
        private final Nest nest;
        private final Function<Buffer, String> outer;
        private final CScalars scalars = new CScalars(this);
        private final StringBuilder text = new StringBuilder();
        private final List<String> parameters = new ArrayList<>();
        private final List<String> arguments = new ArrayList<>();
        private final Map<String, String> names = new LinkedHashMap<>();

        Writer(Nest nest, Function<Buffer, String> outer) {
            this.nest = nest;
            this.outer = outer;
        }

        @Override
        public String pointer(Buffer buffer) {
            return named(outer.apply(buffer), "const " + CElement.of(buffer.stored()).storage() + " *", "p");
        }

        @Override
        public String variable(Scalar.Variable variable) {
            return named(variable.name(), CScalars.type(variable.type()) + " ", "n");
        }

        @Override
        public String counter(Scalar.Variable counter) {
            return names.computeIfAbsent(counter.name(), c -> "i" + names.size());
        }

        @Override
        public String operation(int number) {
            return named(Integer.toString(number), "int64_t ", "o");
        }

        private String named(String outside, String type, String prefix) {
            String known = names.get(outside);
            if (known == null) {
                known = prefix + names.size();
                names.put(outside, known);
                parameters.add(type + known);
                arguments.add(outside);
            }
            return known;
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
                    + (parameters.isEmpty() ? "" : ", " + String.join(", ", parameters)) + ") {\n" + text + "}\n";
            String name = "nest_" + StructureHash.of(head);
            List<String> all = new ArrayList<>(List.of("g", "t", outer.apply(nest.output())));
            all.addAll(arguments);
            return new NestFunction(name, "static __attribute__((noinline)) void " + name + head, all);
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
