package dev.catena.codegen.cpu;

import dev.catena.codegen.AttentionLaunch;
import dev.catena.codegen.Buffer;
import dev.catena.codegen.EmbeddingLaunch;
import dev.catena.codegen.Launch;
import dev.catena.codegen.LayerNormLaunch;
import dev.catena.codegen.LinearLaunch;
import dev.catena.codegen.LoopNestLaunch;
import dev.catena.codegen.RmsNormLaunch;
import dev.catena.codegen.RopeAppendLaunch;
import dev.catena.codegen.SelectRowsLaunch;
import dev.catena.codegen.StructureHash;
import dev.catena.codegen.View;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The C of one stage structure: a function of docs/cpu-abi.md that calls one kernel for each launch, with a barrier
 * where a launch touches what one before it has written, or writes what one before it still reads.
 *
 * @param symbol the function's name, made from a hash of its code: equal structures have equal symbols
 * @param function its C
 * @param kernels the C of the kernels it calls, by name
 * @param facts what the runtime must provide
 */
record CpuStageSource(String symbol, String function, Map<String, String> kernels, StageFacts facts) {
    static CpuStageSource of(List<Launch> launches, CpuTarget target) {
        Map<String, String> kernels = new LinkedHashMap<>();
        StringBuilder body = new StringBuilder();
        List<Launch> sinceBarrier = new ArrayList<>();
        long scratchBytes = 0;
        long arenaBytes = 0;
        for (int i = 0; i < launches.size(); i++) {
            Launch launch = launches.get(i);
            Optional<LinearLaunch> next = firstLinear(launches.subList(i + 1, launches.size()));
            if (sinceBarrier.stream().anyMatch(earlier -> mustWaitFor(launch, earlier))) {
                body.append("  thread->barrier(thread->team, thread->id);\n");
                sinceBarrier.clear();
            }
            sinceBarrier.add(launch);
            KernelCall call = launch instanceof AttentionLaunch attention
                    ? AttentionKernels.of(attention, next, target) : call(launch, target);
            kernels.put(call.name(), call.source());
            body.append("  ").append(call.statement()).append('\n');
            if (!(launch instanceof LinearLaunch || launch instanceof AttentionLaunch)) {
                next.ifPresent(linear -> body.append("  if (step->rows == 1) ask_for_weights(thread, ")
                        .append(String.join(", ", LinearKernel.weightBlocks(linear))).append(");\n"));
            }
            scratchBytes = Math.max(scratchBytes, call.scratchBytes());
            arenaBytes = Math.max(arenaBytes, arenaEnd(launch));
        }
        String hash = StructureHash.of(String.join("\n", kernels.values()) + body);
        String symbol = "stage_" + hash;
        return new CpuStageSource(symbol, function(symbol, body.toString()), kernels,
                new StageFacts(symbol, roundUp64(arenaBytes), roundUp64(scratchBytes)));
    }

    private static String function(String symbol, String body) {
        StringBuilder locals = new StringBuilder();
        if (body.contains("step")) {
            locals.append("  const catena_step *step = stage->step;\n");
        }
        if (body.contains("(arena")) {
            locals.append("  char *const arena = stage->arena;\n");
        }
        if (body.contains("weights[")) {
            locals.append("  const void *const *weights = stage->weights;\n");
        }
        if (body.contains("scratch")) {
            locals.append("  char *const scratch = stage->scratch + thread->id * stage->scratch_stride;\n");
        }
        return """
                __attribute__((visibility("default")))
                void %s(const catena_stage *stage, const catena_thread *thread) {
                %s%s}
                """.formatted(symbol, locals, body);
    }

    private static Optional<LinearLaunch> firstLinear(List<Launch> launches) {
        return launches.stream().filter(LinearLaunch.class::isInstance).map(LinearLaunch.class::cast).findFirst();
    }

    private static KernelCall call(Launch launch, CpuTarget target) {
        if (launch instanceof LinearLaunch linear) {
            return LinearKernel.of(linear, target);
        } else if (launch instanceof RmsNormLaunch norm) {
            return RowKernels.of(norm);
        } else if (launch instanceof LayerNormLaunch norm) {
            return RowKernels.of(norm);
        } else if (launch instanceof EmbeddingLaunch embedding) {
            return RowKernels.of(embedding);
        } else if (launch instanceof SelectRowsLaunch select) {
            return RowKernels.of(select);
        } else if (launch instanceof RopeAppendLaunch rope) {
            return AttentionKernels.of(rope);
        }
        return LoopNestKernel.of((LoopNestLaunch) launch);
    }

    private static boolean mustWaitFor(Launch launch, Launch earlier) {
        return overlap(launch.reads(), earlier.writes()) || overlap(launch.writes(), earlier.writes())
                || overlap(launch.writes(), earlier.reads()) || earlier.writesCache() && launch.readsCache()
                || earlier.readsCache() && launch.writesCache() || earlier.writesCache() && launch.writesCache();
    }

    private static boolean overlap(List<View> some, List<View> others) {
        return some.stream().anyMatch(a -> others.stream().anyMatch(b -> overlap(a.buffer(), b.buffer())));
    }

    private static boolean overlap(Buffer a, Buffer b) {
        if (a instanceof Buffer.Arena x && b instanceof Buffer.Arena y) {
            return x.offset() < y.offset() + y.bytes() && y.offset() < x.offset() + x.bytes();
        }
        return a.equals(b);
    }

    private static long arenaEnd(Launch launch) {
        List<View> views = new ArrayList<>(launch.reads());
        views.addAll(launch.writes());
        return views.stream().map(View::buffer).filter(Buffer.Arena.class::isInstance).map(Buffer.Arena.class::cast)
                .mapToLong(arena -> arena.offset() + arena.bytes()).max().orElse(0);
    }

    private static long roundUp64(long bytes) {
        return (bytes + 63) / 64 * 64;
    }
}
