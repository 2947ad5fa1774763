package dev.catena.runtime.gpu;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.Device;
import dev.catena.runtime.DeviceChain;
import dev.catena.runtime.Step;
import java.util.List;
import java.util.Set;

/** A GPU as one session has it. */
final class GpuDevice implements Device {
    private final String name;
    private final GpuModel holder;
    private final ModelOnGpu model;
    /** Entries of weights that don't stay. */
    private Set<String> passing = Set.of();

    /** @param holder was retained for this device, which closes it */
    GpuDevice(String name, GpuModel holder, ModelOnGpu model) {
        this.name = name;
        this.holder = holder;
        this.model = model;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void plan(List<List<Manifest.Stage>> parts, Step step, int pages, int liveRows, long limit) {
        passing = new GpuMemoryPlan(model, parts, step, liveRows, limit).passing(pages);
    }

    @Override
    public int pagesInShare(List<List<Manifest.Stage>> parts, Step step, int liveRows, long limit, double share) {
        return new GpuMemoryPlan(model, parts, step, liveRows, limit).pages(share);
    }

    @Override
    public DeviceChain chain(List<Manifest.Stage> stages, Step step, int pages, int liveRows) {
        return new GpuChain(model, stages, step, pages, liveRows, passing);
    }

    @Override
    public void close() {
        holder.close();
    }
}
