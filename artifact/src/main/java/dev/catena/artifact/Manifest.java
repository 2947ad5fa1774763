package dev.catena.artifact;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * What {@code manifest.json} says (docs/artifact-format.md). Each record checks its own values when it is made
 * ({@link IllegalArgumentException} with the reason); {@link ManifestRules} checks what holds between them.
 *
 * @param format     {@link #FORMAT}
 * @param model      null in an artifact that is no language model but a graph of tensors ({@link GraphDescription})
 * @param compiler   version of the compiler that wrote the file
 * @param settings   effective settings, name to printed value
 * @param operations layers counted after merge, such as {@code nn.linear} to 9
 * @param entries    every entry of the file but the manifest itself
 */
public record Manifest(int format, String compiler, Model model, Map<String, String> settings, List<Target> targets,
        List<Stage> stages, Memory memory, Map<String, Integer> operations, Map<String, Entry> entries) {

    /** The format number this version reads and writes. */
    public static final int FORMAT = 2;

    /** The setting that says what the weights are, where they are none of a model. */
    public static final String WEIGHTS_SETTING = "weights";

    /** Of {@link #WEIGHTS_SETTING}: made from a model's shape, for measuring; matrices are samples that are repeated. */
    public static final String SAMPLED_WEIGHTS = "samples";

    /** No single memory need or entry is larger: 1 PiB. Sums of a few of them can't overflow. */
    static final long MAX_BYTES = 1L << 50;

    private static final Pattern IDENTIFIER = Pattern.compile("[A-Za-z_][A-Za-z0-9_]{0,255}");
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    /** No row is wider, also not one of logits: its bytes fit an int with room to spare. */
    static final int MAX_WIDTH = 1 << 24;

    public Manifest {
        if (format != FORMAT) {
            throw new IllegalArgumentException("format " + format + " is not " + FORMAT + "; compile the model again");
        }
        text("compiler", compiler);
        Objects.requireNonNull(memory);
        settings = map(settings);
        targets = List.copyOf(targets);
        stages = List.copyOf(stages);
        operations = map(operations);
        entries = map(entries);
        operations.forEach((name, count) -> range("operations." + name, count, 0, Integer.MAX_VALUE));
        entries.forEach((name, entry) -> {
            String fault = EntryName.fault(name);
            if (fault != null) {
                throw new IllegalArgumentException(fault);
            }
        });
    }

    /** The same manifest with other entries. */
    public Manifest withEntries(Map<String, Entry> written) {
        return new Manifest(format, compiler, model, settings, targets, stages, memory, operations, written);
    }

    /**
     * @param vocab     width of the logits
     * @param maxSeqLen positions that the model may address
     * @param bos       id that starts a text, or null
     * @param eos       ids that end a text, maybe none
     * @param addBos    whether a prompt's ids start with {@code bos}
     */
    public record Model(String name, int vocab, int hidden, int layers, int maxSeqLen, Integer bos, List<Integer> eos,
            boolean addBos) {
        public Model {
            text("model.name", name);
            range("model.vocab", vocab, 1, MAX_WIDTH);
            range("model.hidden", hidden, 1, MAX_WIDTH);
            range("model.layers", layers, 0, 1 << 20);
            range("model.max_seq_len", maxSeqLen, 1, 1 << 27);
            if (bos != null) {
                range("model.bos", bos, 0, vocab - 1);
            }
            eos = List.copyOf(eos);
            for (int id : eos) {
                range("model.eos", id, 0, vocab - 1);
            }
            if (addBos && bos == null) {
                throw new IllegalArgumentException("model.add_bos is true but model.bos is null");
            }
        }
    }

    /**
     * @param name        as resolved, such as {@code cpu:x86-64-v4} or {@code sm_86}
     * @param features    CPU features the code uses, in clang's names ({@code avx512f}, {@code amx-int8}); of GPUs only
     *                    {@link #DEPENDENT_LAUNCHES}
     * @param library     entry that holds the code
     * @param threadsHint threads the code was tuned for, 0 = any
     * @param ptx         entry with the same kernels for GPUs that {@code library} doesn't fit, or null
     * @param programs    what a GPU launches for a stage, by the symbol of the stage's code; none for CPUs and for graphs of
     *                    tensors ({@link GraphProgram})
     * @param kernels     what each kernel of a GPU needs; none for CPUs
     */
    public record Target(String name, List<String> features, String library, int threadsHint, String ptx,
            Map<String, KernelProgram> programs, List<KernelProgram.Kernel> kernels) {
        /** A GPU's kernels, of {@code library} and of {@code ptx}, wait themselves for the launches before them, and may begin before these have ended. */
        public static final String DEPENDENT_LAUNCHES = "dependent_launches";

        public Target {
            text("target.name", name);
            features = List.copyOf(features);
            text("target.library", library);
            range("target.threads_hint", threadsHint, 0, 1 << 16);
            if (ptx != null) {
                text("target.ptx", ptx);
            }
            programs = map(programs);
            kernels = List.copyOf(kernels);
        }

        /** A target whose code is a shared library with a function for each symbol. */
        public static Target ofCpu(String name, List<String> features, String library) {
            return new Target(name, features, library, 0, null, Map.of(), List.of());
        }

        /** Whether its code is kernels that are launched by programs. */
        public boolean runsPrograms() {
            return !programs.isEmpty() || !kernels.isEmpty();
        }
    }

    /**
     * A compiled piece. Stages stand in the order in which they run.
     *
     * @param role {@code embed}, {@code decoder}, {@code norm} or {@code head}
     * @param kv   this stage's cache, or null
     * @param code target name to code
     */
    public record Stage(String name, String role, Port input, Port output, Kv kv, Map<String, Code> code,
            List<Weight> weights) {
        public Stage {
            text("stage.name", name);
            oneOf("stage.role", role, List.of("embed", "decoder", "norm", "head"));
            oneOf("stage.input.kind", input.kind(), List.of("tokens", "rows", "selected"));
            oneOf("stage.output.kind", output.kind(), List.of("rows", "selected"));
            code = map(code);
            weights = List.copyOf(weights);
        }
    }

    /** What goes into or out of a stage: f32 rows of {@code width}; {@code tokens} have width 1. */
    public record Port(String kind, int width) {
        public Port {
            range("width", width, 1, MAX_WIDTH);
        }
    }

    /**
     * The cache of one stage (docs/kv-layout.md).
     *
     * @param k         storage of keys: {@code f32}, {@code f16}, {@code i8} or {@code i4}
     * @param v         storage of values
     * @param page      positions in a page, {@value #PAGE_POSITIONS}
     * @param pageBytes bytes of one page
     */
    public record Kv(String k, String v, int heads, int dim, int page, long pageBytes) {
        /** Positions in every page. */
        public static final int PAGE_POSITIONS = 64;

        public Kv {
            range("kv.heads", heads, 1, 1 << 16);
            range("kv.dim", dim, 1, 1 << 16);
            range("kv.page", page, PAGE_POSITIONS, PAGE_POSITIONS);
            range("kv.page_bytes", pageBytes, heads * (part("kv.k", k, dim) + part("kv.v", v, dim)),
                    heads * (part("kv.k", k, dim) + part("kv.v", v, dim)));
        }

        /** Bytes of K or V of one head in a page: codes, then pairs where the codes are integers. */
        private static long part(String what, String type, int dim) {
            oneOf(what, type, List.of("f32", "f16", "i8", "i4"));
            int bits = Integer.parseInt(type.substring(1));
            long codes = ((long) PAGE_POSITIONS * dim * bits / 8 + 15) / 16 * 16;
            return codes + (type.charAt(0) == 'i' ? PAGE_POSITIONS * 4 : 0);
        }
    }

    /** @param symbol what the target's library exports for this stage's structure; for a GPU, the target's program of this name */
    public record Code(String symbol, long arenaBytes, long scratchBytes) {
        public Code {
            if (!IDENTIFIER.matcher(symbol).matches()) {
                throw new IllegalArgumentException("code.symbol '" + symbol + "' is not a C identifier");
            }
            range("code.arena_bytes", arenaBytes, 0, MAX_BYTES);
            range("code.scratch_bytes", scratchBytes, 0, MAX_BYTES);
        }
    }

    /**
     * @param entry the entry that holds the packed bytes; several weights may share one. In an artifact with sampled weights it may be
     *              {@code SAMPLE@NAME}: the weight is the bytes of the entry SAMPLE, over and over
     */
    public record Weight(String name, String entry, long bytes, String type, String layout) {
        /** Stands between a sample's entry and the weight's own name. */
        public static final char SAMPLE_OF = '@';

        public Weight {
            text("weight.name", name);
            text("weight.entry", entry);
            range("weight.bytes", bytes, 0, MAX_BYTES);
            Objects.requireNonNull(type);
            Objects.requireNonNull(layout);
        }

        /** The entry whose bytes are repeated to make the weight, or null where the weight's entry is whole. */
        public String sample() {
            int end = entry.indexOf(SAMPLE_OF);
            return end < 0 ? null : entry.substring(0, end);
        }
    }

    /**
     * @param maxRows         rows the activation arena has room for, the largest step
     * @param kvBytesPerToken cache bytes of one position over all stages
     * @param bytesPerToken   bytes one decode step must read (weights)
     */
    public record Memory(int maxRows, long weightsBytes, long kvBytesPerToken, long arenaBytes, long bytesPerToken) {
        public Memory {
            range("memory.max_rows", maxRows, 1, 1 << 16);
            range("memory.weights_bytes", weightsBytes, 0, MAX_BYTES);
            range("memory.kv_bytes_per_token", kvBytesPerToken, 0, MAX_BYTES);
            range("memory.arena_bytes", arenaBytes, 0, MAX_BYTES);
            range("memory.bytes_per_token", bytesPerToken, 0, MAX_BYTES);
        }
    }

    /** @param sha256 of the entry's bytes, 64 lower-case hex digits */
    public record Entry(long bytes, String sha256) {
        public Entry {
            range("entry.bytes", bytes, 0, MAX_BYTES);
            if (!SHA256.matcher(sha256).matches()) {
                throw new IllegalArgumentException("entry.sha256 '" + sha256 + "' is not a sha256");
            }
        }
    }

    /** Whether its weights are random numbers in the shape of a model's. */
    public boolean hasSampledWeights() {
        return SAMPLED_WEIGHTS.equals(settings.get(WEIGHTS_SETTING));
    }

    /** The target of this name, or null. */
    public Target target(String name) {
        for (Target target : targets) {
            if (target.name().equals(name)) {
                return target;
            }
        }
        return null;
    }

    /** Target names in the manifest's order. */
    public List<String> targetNames() {
        List<String> names = new ArrayList<>();
        targets.forEach(target -> names.add(target.name()));
        return names;
    }

    private static <V> Map<String, V> map(Map<String, V> given) {
        given.forEach((key, value) -> {
            if (key == null || value == null) {
                throw new IllegalArgumentException("'" + key + "' has no value");
            }
        });
        return Collections.unmodifiableMap(new LinkedHashMap<>(given));   // keeps the order, which is part of the bytes
    }

    private static void text(String what, String value) {
        if (value.isEmpty() || value.length() > 4096) {
            throw new IllegalArgumentException(what + " has " + value.length() + " characters");
        }
    }

    private static void range(String what, long value, long least, long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(what + " is " + value + ", expected "
                    + (least == most ? "" + least : least + " to " + most));
        }
    }

    private static void oneOf(String what, String value, List<String> allowed) {
        if (!allowed.contains(value)) {
            throw new IllegalArgumentException(what + " is '" + value + "', expected one of " + allowed);
        }
    }
}
