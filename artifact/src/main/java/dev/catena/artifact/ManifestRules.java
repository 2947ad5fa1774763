package dev.catena.artifact;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What must hold between the parts of a manifest, so that the runtime may rely on it without looking again. */
final class ManifestRules {
    /** A weight that is a repeated sample takes no room in the file that would bound it. */
    private static final long MOST_SAMPLED_BYTES = 1L << 37;

    private ManifestRules() {}

    /** @throws IllegalArgumentException with the first rule that is broken */
    static void check(Manifest manifest) {
        checkTargets(manifest);
        boolean graph = manifest.model() == null;
        require(graph == manifest.entries().containsKey(GraphDescription.ENTRY), graph
                ? "it has neither a model nor " + GraphDescription.ENTRY : "it has a model and " + GraphDescription.ENTRY);
        if (graph) {
            require(manifest.stages().isEmpty(), "it has stages but no model");
            require(manifest.targets().stream().anyMatch(Manifest.Target::runsPrograms) == manifest.entries().containsKey(GraphProgram.ENTRY),
                    "it has either GPU targets or " + GraphProgram.ENTRY + ", not both");
            return;
        }
        checkChain(manifest);
        for (Manifest.Stage stage : manifest.stages()) {
            checkStage(manifest, stage);
        }
    }

    /** What must hold between a graph's description and the manifest beside it. */
    static void check(Manifest manifest, GraphDescription graph) {
        List<String> withFunctions = manifest.targets().stream().filter(target -> !target.runsPrograms()).map(Manifest.Target::name).toList();
        require(graph.symbols().keySet().equals(Set.copyOf(withFunctions)),
                "the graph has functions for " + graph.symbols().keySet() + ", the targets that need one are " + withFunctions);
        graph.weights().forEach(weight -> checkWeight(manifest, weight, "weight '" + weight.name() + "' of the graph"));
    }

    /** What must hold between what a graph launches and the manifest beside it. */
    static void check(Manifest manifest, GraphProgram program) {
        for (Manifest.Target target : manifest.targets()) {
            Set<String> kernels = new HashSet<>();
            target.kernels().forEach(kernel -> kernels.add(kernel.name()));
            program.launches().stream().filter(launch -> target.runsPrograms() && !kernels.contains(launch.kernel())).findFirst()
                    .ifPresent(launch -> require(false, "the graph launches the unknown kernel '" + launch.kernel() + "' of target '"
                            + target.name() + "'"));
        }
    }

    private static void checkTargets(Manifest manifest) {
        require(!manifest.targets().isEmpty(), "it has no targets");
        Set<String> names = new HashSet<>();
        for (Manifest.Target target : manifest.targets()) {
            require(names.add(target.name()), "two targets are called '" + target.name() + "'");
            require(manifest.entries().containsKey(target.library()),
                    "target '" + target.name() + "' names the missing entry '" + target.library() + "'");
            require(target.ptx() == null || manifest.entries().containsKey(target.ptx()),
                    "target '" + target.name() + "' names the missing entry '" + target.ptx() + "'");
            if (target.runsPrograms()) {
                checkPrograms(manifest, target);
            }
        }
    }

    private static void checkPrograms(Manifest manifest, Manifest.Target target) {
        Set<String> kernels = new HashSet<>();
        target.kernels().forEach(kernel -> kernels.add(kernel.name()));
        target.programs().forEach((symbol, program) -> {
            String what = "program '" + symbol + "' of target '" + target.name() + "'";
            require(program.maxRows() >= manifest.memory().maxRows(), what + " ends at " + program.maxRows() + " rows");
            for (KernelProgram.Bucket bucket : program.buckets()) {
                for (KernelProgram.Launch launch : bucket.launches()) {
                    require(kernels.contains(launch.kernel()), what + " launches the unknown kernel '" + launch.kernel() + "'");
                }
            }
        });
        for (Manifest.Stage stage : manifest.stages()) {
            Manifest.Code code = stage.code().get(target.name());
            KernelProgram program = code == null ? null : target.programs().get(code.symbol());
            require(program != null, "stage '" + stage.name() + "' has no program for target '" + target.name() + "'");
            checkArguments(stage, code, program);
        }
    }

    private static void checkArguments(Manifest.Stage stage, Manifest.Code code, KernelProgram program) {
        for (KernelProgram.Bucket bucket : program.buckets()) {
            for (KernelProgram.Launch launch : bucket.launches()) {
                for (String argument : launch.args()) {
                    long number = Long.parseLong("0" + argument.replaceAll("\\D", ""));
                    boolean fits = argument.startsWith("arena+") ? number < code.arenaBytes()
                            : argument.startsWith("scratch+") ? number < code.scratchBytes()
                            : argument.startsWith("weight:") ? number < stage.weights().size()
                            : argument.startsWith("input+") ? number < 4L * stage.input().width()
                            : argument.startsWith("output+") ? number < 4L * stage.output().width()
                            : argument.equals("kv") ? stage.kv() != null
                            : !Set.of("logits", "sampling", "history", "sampled").contains(argument);
                    require(fits, "stage '" + stage.name() + "' has nothing at '" + argument + "', which '" + launch.kernel()
                            + "' is given");
                }
            }
        }
    }

    private static void checkChain(Manifest manifest) {
        List<Manifest.Stage> stages = manifest.stages();
        require(!stages.isEmpty(), "it has no stages");
        Set<String> names = new HashSet<>();
        for (int i = 0; i < stages.size(); i++) {
            Manifest.Stage stage = stages.get(i);
            require(names.add(stage.name()), "two stages are called '" + stage.name() + "'");
            if (i == 0) {
                require(stage.input().kind().equals("tokens"), "stage '" + stage.name() + "' is first but takes no tokens");
            } else {
                require(alike(stage.input(), stages.get(i - 1).output()),
                        "stage '" + stage.name() + "' takes " + describe(stage.input()) + " but '" + stages.get(i - 1).name()
                                + "' gives " + describe(stages.get(i - 1).output()));
            }
            require(!(stage.input().kind().equals("selected") && stage.output().kind().equals("rows")),
                    "stage '" + stage.name() + "' makes rows out of selected rows");
        }
        Manifest.Port last = stages.get(stages.size() - 1).output();
        require(last.kind().equals("selected") && last.width() == manifest.model().vocab(),
                "the last stage gives " + describe(last) + ", not selected rows of the vocabulary ("
                        + manifest.model().vocab() + ")");
    }

    private static void checkStage(Manifest manifest, Manifest.Stage stage) {
        require(stage.code().keySet().equals(Set.copyOf(manifest.targetNames())),
                "stage '" + stage.name() + "' has code for " + stage.code().keySet() + ", the targets are "
                        + manifest.targetNames());
        stage.weights().forEach(weight -> checkWeight(manifest, weight,
                "weight '" + weight.name() + "' of stage '" + stage.name() + "'"));
    }

    private static void checkWeight(Manifest manifest, Manifest.Weight weight, String what) {
        if (weight.sample() != null && manifest.hasSampledWeights()) {
            checkSample(manifest, weight, what);
            return;
        }
        Manifest.Entry entry = manifest.entries().get(weight.entry());
        require(entry != null, what + " names the missing entry '" + weight.entry() + "'");
        require(weight.entry().startsWith("weights/"), what + " lies outside weights/");
        require(entry.bytes() == weight.bytes(), what + " has " + weight.bytes() + " bytes, its entry " + entry.bytes());
    }

    private static void checkSample(Manifest manifest, Manifest.Weight weight, String what) {
        Manifest.Entry sample = manifest.entries().get(weight.sample());
        require(sample != null, what + " repeats the missing entry '" + weight.sample() + "'");
        require(weight.sample().startsWith("weights/"), what + " lies outside weights/");
        require(sample.bytes() >= 1 && sample.bytes() <= weight.bytes(), what + " has " + weight.bytes() + " bytes, its sample "
                + sample.bytes());
        require(weight.bytes() <= MOST_SAMPLED_BYTES, what + " has " + weight.bytes() + " bytes, more than any GPU");
        require(manifest.targets().stream().allMatch(Manifest.Target::runsPrograms), what + " is a sample, which only GPUs' code reads");
    }

    /** That the manifest's entries are exactly the file's, with these sizes. */
    static void checkEntries(Manifest manifest, Map<String, Long> sizes) {
        for (Map.Entry<String, Manifest.Entry> entry : manifest.entries().entrySet()) {
            Long size = sizes.get(entry.getKey());
            require(size != null, "the manifest lists '" + entry.getKey() + "', which the file lacks");
            require(size == entry.getValue().bytes(), "entry '" + entry.getKey() + "' has " + size
                    + " bytes, the manifest says " + entry.getValue().bytes());
        }
        for (String name : sizes.keySet()) {
            require(manifest.entries().containsKey(name), "entry '" + name + "' is not in the manifest");
        }
    }

    /** As equals says, which Java would first have to generate at every start. */
    private static boolean alike(Manifest.Port a, Manifest.Port b) {
        return a.width() == b.width() && a.kind().equals(b.kind());
    }

    private static String describe(Manifest.Port port) {
        return port.kind() + " of width " + port.width();
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}
