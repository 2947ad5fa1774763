package dev.catena.sim;

import dev.catena.runtime.DeviceException;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuFacts;
import dev.catena.runtime.gpu.GpuMemory;
import dev.catena.runtime.gpu.KernelLaunch;
import dev.catena.runtime.gpu.PinnedMemory;
import dev.catena.runtime.gpu.Region;
import dev.catena.sim.machine.Allocation;
import dev.catena.sim.machine.Kernel;
import dev.catena.sim.machine.SimMachine;
import dev.catena.sim.machine.SimModule;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A simulated GPU behind the calls of a driver. Every region is an allocation with bounds of its own. As on a real one, the
 * first fault makes all that follows fail with it.
 */
final class SimGpu implements Gpu {
    /** What stands for an event: the point where it was recorded last. */
    private static final class Event {
        private volatile SimStreams.Mark recorded;
    }

    private final String name;
    private final GpuFacts facts;
    private final SimMachine machine;
    private final SimStreams streams;
    private final SimHandles handles;
    private final int slowness;
    private final AtomicLong allocated = new AtomicLong();
    private volatile RuntimeException fault;

    SimGpu(String name, GpuFacts facts, SimMachine machine, SimStreams streams, SimHandles handles, int slowness) {
        this.name = name;
        this.facts = facts;
        this.machine = machine;
        this.streams = streams;
        this.handles = handles;
        this.slowness = slowness;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public GpuFacts facts() {
        return facts;
    }

    /** Runs a piece of work, unless something went wrong before. */
    void perform(Runnable work) {
        if (fault == null) {
            try {
                work.run();
            } catch (RuntimeException e) {
                fault = e;
            }
        }
    }

    private void checkFault() {
        if (fault != null) {
            throw fault;
        }
    }

    private void add(long stream, Runnable work) {
        checkFault();
        streams.add(handles.get(SimStreams.Stream.class, stream), null, work);
    }

    @Override
    public long freeBytes() {
        return facts.memoryBytes() - allocated.get();
    }

    @Override
    public GpuMemory allocate(List<Region> regions) {
        long total = Region.totalBytes(regions);
        for (Region region : regions) {
            if (region.bytes() > Allocation.MAX_BYTES) {
                throw new DeviceException(name + ": no room for " + region.bytes() + " bytes of " + region.name());
            }
        }
        if (allocated.addAndGet(total) > facts.memoryBytes()) {
            allocated.addAndGet(-total);
            throw new DeviceException(name + ": no room for " + total + " bytes of " + regions.get(0).name());
        }
        List<Allocation> allocations = new ArrayList<>();
        for (Region region : regions) {
            allocations.add(region.readOnly() ? machine.allocateReadOnly(region.name(), region.bytes())
                    : machine.allocate(region.name(), region.bytes()));
        }
        return new GpuMemory(allocations.stream().mapToLong(Allocation::address).toArray(), () -> {
            allocations.forEach(machine::free);
            allocated.addAndGet(-total);
        });
    }

    @Override
    public boolean isolatesRegions() {
        return true;
    }

    @Override
    public PinnedMemory pin(int bytes) {
        return new PinnedMemory(0, ByteBuffer.allocateDirect(bytes), () -> {});
    }

    @Override
    public long load(byte[] code, String what) {
        return handles.add(machine.load(new String(code, StandardCharsets.UTF_8)));
    }

    @Override
    public void unload(long code) {
        handles.remove(SimModule.class, code);
    }

    @Override
    public long kernel(long code, String kernel, int sharedBytes) {
        return handles.add(handles.get(SimModule.class, code).kernel(kernel));
    }

    @Override
    public long newStream() {
        return handles.add(streams.open(this));
    }

    @Override
    public void closeStream(long stream) {
        streams.close(handles.remove(SimStreams.Stream.class, stream));
    }

    @Override
    public long newEvent() {
        return handles.add(new Event());
    }

    @Override
    public void closeEvent(long event) {
        handles.remove(Event.class, event);
    }

    @Override
    public void record(long event, long stream) {
        handles.get(Event.class, event).recorded = streams.add(handles.get(SimStreams.Stream.class, stream), null, () -> {});
    }

    @Override
    public void await(long stream, long event) {
        SimStreams.Mark recorded = handles.get(Event.class, event).recorded;
        if (recorded != null) {
            streams.add(handles.get(SimStreams.Stream.class, stream), recorded, () -> {});
        }
    }

    @Override
    public void synchronizeEvent(long event) {
        SimStreams.Mark recorded = handles.get(Event.class, event).recorded;
        if (recorded != null) {
            streams.reach(recorded);
        }
        checkFault();
    }

    @Override
    public void synchronize(long stream) {
        streams.reach(streams.add(handles.get(SimStreams.Stream.class, stream), null, () -> {}));
        checkFault();
    }

    @Override
    public void copyIn(long stream, long to, PinnedMemory from, long offset, long bytes) {
        add(stream, () -> {
            Allocation target = machine.allocation(to);
            target.write(to - target.address(), part(from, offset, bytes), bytes);
        });
    }

    @Override
    public void copyOut(long stream, PinnedMemory to, long offset, long from, long bytes) {
        add(stream, () -> {
            Allocation source = machine.allocation(from);
            source.read(from - source.address(), part(to, offset, bytes), bytes);
        });
    }

    private static ByteBuffer part(PinnedMemory memory, long offset, long bytes) {
        return memory.bytes().slice((int) offset, (int) bytes);
    }

    @Override
    public void copy(long stream, long to, long from, long bytes) {
        add(stream, () -> {
            Allocation source = machine.allocation(from);
            Allocation target = machine.allocation(to);
            if (source == target) {
                source.copy(to - source.address(), from - source.address(), bytes);
            } else {
                copy(target, to, source, from, bytes);
            }
        });
    }

    @Override
    public void copyFrom(long stream, long to, Gpu other, long from, long bytes) {
        SimGpu sender = (SimGpu) other;
        add(stream, () -> {
            sender.checkFault();     // the reason, and not what follows from it
            copy(machine.allocation(to), to, sender.machine.allocation(from), from, bytes);
        });
    }

    private static void copy(Allocation target, long to, Allocation source, long from, long bytes) {
        ByteBuffer between = ByteBuffer.allocate((int) bytes);
        source.read(from - source.address(), between, bytes);
        target.write(to - target.address(), between, bytes);
    }

    @Override
    public void zero(long stream, long address, long bytes) {
        add(stream, () -> machine.allocation(address).zero());
    }

    @Override
    public void forget(long stream, long address) {
        add(stream, () -> machine.allocation(address).forget());
    }

    @Override
    public void launch(long stream, KernelLaunch launch) {
        add(stream, () -> run(launch));
    }

    private void run(KernelLaunch launch) {
        for (long dead : launch.dead()) {
            machine.allocation(dead).forget();
        }
        machine.launch(handles.get(Kernel.class, launch.kernel()), launch.grid(), launch.block(), launch.shared(), launch.pointers());
    }

    @Override
    public long instantiate(List<KernelLaunch> launches, boolean dependent) {
        for (KernelLaunch launch : launches) {
            if (dependent) {
                SimMachine.requireWait(handles.get(Kernel.class, launch.kernel()));
            }
        }
        return handles.add(launches.toArray(KernelLaunch[]::new));
    }

    @Override
    public void launchGraph(long stream, long graph) {
        for (KernelLaunch launch : handles.get(KernelLaunch[].class, graph)) {
            add(stream, () -> run(launch));
        }
    }

    @Override
    public void closeGraph(long graph) {
        handles.remove(KernelLaunch[].class, graph);
    }

    @Override
    public long laneInstructions() {
        return slowness * machine.laneInstructions();
    }

    @Override
    public void close() {}
}
