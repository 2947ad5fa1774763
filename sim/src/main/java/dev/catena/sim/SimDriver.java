package dev.catena.sim;

import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.DeviceException;
import dev.catena.runtime.UnsupportedPlatformException;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuDriver;
import dev.catena.runtime.gpu.GpuFacts;
import dev.catena.sim.machine.SimMachine;

/**
 * As many simulated GPUs as are named. System properties say which of an artifact's targets they take
 * ({@code catena.sim.target}, else the first), how much memory they have ({@code catena.sim.memory}, else no end of it) and
 * in which order everything runs ({@code catena.sim.seed}).
 */
final class SimDriver implements GpuDriver {
    static final String DESCRIPTION = "a GPU in software, which checks what it runs";

    private final long seed = Long.getLong("catena.sim.seed", 1);
    private final SimStreams streams = new SimStreams(seed);
    private final SimHandles handles = new SimHandles();

    @Override
    public Code choose(ArtifactReader reader, int ordinal) {
        String wanted = System.getProperty("catena.sim.target");
        Manifest.Target target = reader.manifest().targets().stream().filter(Manifest.Target::runsPrograms)
                .filter(candidate -> wanted == null || wanted.equals(candidate.name())).findFirst().orElseThrow(() ->
                new UnsupportedPlatformException(reader.path() + ": has code for "
                        + String.join(", ", reader.manifest().targetNames()) + " and none for " + (wanted == null ? "a GPU" : wanted)
                        + "; compile it with --target " + (wanted == null ? "sm_86" : wanted)));
        if (target.ptx() == null) {
            throw new UnsupportedPlatformException(reader.path() + ": has no PTX for " + target.name() + ", which sim runs; "
                    + "compile it again");
        }
        return new Code(target, target.ptx(), null);
    }

    @Override
    public Gpu open(int ordinal, String target, int hostThreads) {
        SimMachine machine = new SimMachine(SimMachine.Settings.defaults().withSeed(seed).withHostThreads(hostThreads)
                .withArchitecture(architecture(target)));
        GpuFacts facts = new GpuFacts(DESCRIPTION, architecture(target), Runtime.getRuntime().availableProcessors(),
                Long.getLong("catena.sim.memory", 1L << 50));
        return new SimGpu("sim:" + ordinal, facts, machine, streams, handles, slowness(ordinal));
    }

    /** How many times slower than it counts {@code sim:N} pretends to be, of {@code catena.sim.slowness}, such as {@code 1,4}; else once. */
    private static int slowness(int ordinal) {
        String[] each = System.getProperty("catena.sim.slowness", "1").split(",");
        String its = ordinal < each.length ? each[ordinal] : "1";
        if (!its.matches("[1-9][0-9]{0,3}")) {
            throw new DeviceException("catena.sim.slowness: '" + its + "' for sim:" + ordinal + "; write a number from 1 to 9999 for each device, such as 1,4");
        }
        return Integer.parseInt(its);
    }

    /** 86 for {@code sm_86}, 90 for {@code sm_90a}. */
    private static int architecture(String target) {
        String digits = target.replaceAll("[^0-9]", "");
        return digits.isEmpty() || digits.length() > 4 ? 80 : Integer.parseInt(digits);
    }
}
