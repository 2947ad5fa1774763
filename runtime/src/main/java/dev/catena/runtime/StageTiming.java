package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Times a model's stages on a device: decode steps of one sequence, after a warm-up. Stages of one program take as long as each
 * other, so that some of each stand for all, each with weights of its own.
 */
final class StageTiming {
    /** Their weights together are more than most caches hold. */
    private static final int MOST_OF_A_KIND = 4;
    private static final int WARM_UP_STEPS = 3;
    private static final int STEPS = 16;
    /** Page 0 belongs to nobody. */
    private static final int PAGES = 2;

    private final Manifest manifest;
    private final Manifest.Target target;
    private final Device device;
    private final long memoryLimit;

    /** @param memoryLimit bytes of the device that may be taken, 0 = all that are free */
    StageTiming(Manifest manifest, Manifest.Target target, Device device, long memoryLimit) {
        this.manifest = manifest;
        this.target = target;
        this.device = device;
        this.memoryLimit = memoryLimit;
    }

    /** What each stage takes for a step, in the unit of {@link DeviceChain#stepCost}. */
    List<Double> costs() {
        Map<String, List<Manifest.Stage>> alike = new LinkedHashMap<>();
        manifest.stages().forEach(stage -> alike.computeIfAbsent(program(stage), symbol -> new ArrayList<>()).add(stage));
        Map<String, Double> costs = new LinkedHashMap<>();
        alike.forEach((program, stages) -> {
            List<Manifest.Stage> some = stages.subList(0, canFollowItself(stages.get(0)) ? Math.min(MOST_OF_A_KIND, stages.size()) : 1);
            costs.put(program, cost(some) / some.size());
        });
        return manifest.stages().stream().map(stage -> costs.get(program(stage))).toList();
    }

    private String program(Manifest.Stage stage) {
        return stage.code().get(target.name()).symbol();
    }

    private static boolean canFollowItself(Manifest.Stage stage) {
        return stage.input().equals(stage.output());
    }

    private double cost(List<Manifest.Stage> stages) {
        Step step = new Step(manifest.memory().maxRows(), 1, 1);
        device.plan(List.of(stages), step, PAGES, 1, memoryLimit);
        try (DeviceChain chain = device.chain(stages, step, PAGES, 1)) {
            step.clear();
            step.add(new int[] {0}, 0, 1, 0, new int[] {1}, 1);
            step.selectLast();
            if (chain.inputWidth() > 0) {
                chain.writeInput(someRow(chain.inputWidth()), 1);
            }
            for (int i = 0; i < WARM_UP_STEPS; i++) {
                chain.submit();
                chain.await();
            }
            return chain.stepCost(STEPS);
        }
    }

    private static ByteBuffer someRow(int width) {
        ByteBuffer row = ByteBuffer.allocateDirect(4 * width).order(ByteOrder.nativeOrder());
        for (int i = 0; i < width; i++) {
            row.putFloat(4 * i, (i % 7 - 3) / 8f);
        }
        return row;
    }
}
