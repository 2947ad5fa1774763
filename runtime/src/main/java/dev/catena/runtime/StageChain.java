package dev.catena.runtime;

import dev.catena.artifact.Manifest;
import dev.catena.runtime.cpu.CpuTopology;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * All stages of a model, placed on devices, with the cache pages they share: what a session and its forks run on. Every
 * method that touches devices or pages must be called while holding the chain's monitor ({@code synchronized (chain)});
 * it is closed when the last of its sessions is.
 */
final class StageChain implements PageTable.Copier {
    /** Fewer rows than this read each weight for too little work. */
    private static final int LEAST_MICRO_BATCH = 64;
    /** 64 million positions: more than a card holds of any model but a toy, and few enough for a pool of their ids and a cache of prefixes. */
    private static final int MAX_PAGES = 1 << 20;

    private final Map<String, Device> devices = new LinkedHashMap<>();
    private final List<DeviceChain> parts = new ArrayList<>();
    /** What goes from one device to the next, by the receiver's place. */
    private final List<ByteBuffer> crossings = new ArrayList<>();
    private final Step step;
    private final PagePool pages;
    private final int liveRows;
    private final RowSampling rowSampling;
    private int sessions = 1;
    /** The session whose last logits are on the device alone, or null. */
    private Session logitsOwner;

    /**
     * @param models       the model as loaded for a kind of device; devices retain it
     * @param positions    the cache's capacity over all sequences; {@code maxSequence} is the longest one's
     * @param maxSequences sequences that may share a step
     */
    StageChain(Manifest manifest, Function<String, DeviceModel> models, SessionOptions options, int maxSequence, int positions,
            int maxSequences) {
        int maxRows = manifest.memory().maxRows();
        liveRows = LiveRows.most(maxRows, manifest.model().vocab());
        step = new Step(maxRows, Math.min(maxRows, maxSequences), PagePool.pagesFor(maxSequence));
        rowSampling = new RowSampling(step.maxSequences());
        boolean built = false;
        try {
            List<String> names = options.devices().stream().map(Devices::canonical).toList();
            List<List<Manifest.Stage>> placed = Placement.of(manifest.stages(), options);
            openDevices(names.subList(0, placed.size()), models, options.threads());
            Map<String, List<List<Manifest.Stage>>> byDevice = new LinkedHashMap<>();
            for (int i = 0; i < placed.size(); i++) {
                byDevice.computeIfAbsent(names.get(i), name -> new ArrayList<>()).add(placed.get(i));
            }
            int pageCount = pageCount(byDevice, options, positions);
            pages = new PagePool(pageCount);
            byDevice.forEach((name, its) -> devices.get(name).plan(its, step, pageCount, liveRows, options.deviceMemory()));
            for (int i = 0; i < placed.size(); i++) {
                DeviceChain part = devices.get(names.get(i)).chain(placed.get(i), step, pageCount, liveRows);
                parts.add(part);
                crossings.add(i == 0 ? null : rows(maxRows, part.inputWidth()));
            }
            built = true;
        } finally {
            if (!built) {
                closeAll();
            }
        }
    }

    /** Cache pages of each stage, page 0 included. */
    private int pageCount(Map<String, List<List<Manifest.Stage>>> byDevice, SessionOptions options, int positions) {
        int fewest = 0;
        if (options.cacheShare() > 0) {
            for (Map.Entry<String, List<List<Manifest.Stage>>> device : byDevice.entrySet()) {
                int its = devices.get(device.getKey()).pagesInShare(device.getValue(), step, liveRows, options.deviceMemory(),
                        options.cacheShare());
                fewest = its == 0 ? fewest : fewest == 0 ? its : Math.min(fewest, its);
            }
        }
        return fewest == 0 ? PagePool.pagesFor(positions) + 1 : Math.min(fewest, MAX_PAGES);
    }

    private static ByteBuffer rows(int count, int width) {
        long bytes = 4L * count * width;
        if (bytes > Integer.MAX_VALUE) {
            throw new DeviceException("rows of width " + width + " are too wide to go from one device to another");
        }
        return ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.nativeOrder());
    }

    /** Opens each named device once, and shares the threads out between them, at least one each. */
    private void openDevices(List<String> names, Function<String, DeviceModel> models, int threads) {
        List<String> distinct = new ArrayList<>(new LinkedHashSet<>(names));
        int total = threads == 0 ? CpuTopology.physicalCores() : threads;
        for (int i = 0; i < distinct.size(); i++) {
            int share = total / distinct.size() + (i < total % distinct.size() ? 1 : 0);
            String name = distinct.get(i);
            devices.put(name, models.apply(Devices.kind(name)).open(name, Math.max(1, share)));
        }
    }

    /** Bytes that the devices took for this chain, weights apart. */
    long memoryBytes() {
        return parts.stream().mapToLong(DeviceChain::memoryBytes).sum();
    }

    Step step() {
        return step;
    }

    PagePool pages() {
        return pages;
    }

    /** Rows that a step may have when the logits of all of them are wanted. */
    int liveRows() {
        return liveRows;
    }

    /**
     * Runs what {@link #step} says through all stages. A step that selects no row may still be running when this returns, on
     * devices that run ahead: the next one follows it from device to device.
     */
    void run() {
        if (logitsOwner != null) {
            throw new IllegalStateException("logits on the device would be lost");
        }
        for (int i = 0; i < parts.size(); i++) {
            DeviceChain part = parts.get(i);
            if (i > 0) {
                DeviceChain before = parts.get(i - 1);
                int rows = before.outputSelected() ? step.selected() : step.rows();
                if (!part.takeInput(before, rows)) {
                    before.await();
                    before.readOutput(0, rows, crossings.get(i));
                    part.writeInput(crossings.get(i), rows);
                }
            }
            part.submit();
        }
        if (step.selected() > 0) {
            last().await();
        }
    }

    /**
     * Rows of a prefill of {@code count} that go into one step, where no logits are wanted on the way: with several devices
     * that run ahead several small steps keep all of them busy.
     */
    int prefillRows(int count) {
        int most = step.maxRows();
        if (parts.size() == 1 || count <= LEAST_MICRO_BATCH) {
            return most;
        }
        for (int i = 0; i < parts.size(); i++) {   // asked for each token: a stream would be allocated
            if (!parts.get(i).runsAhead()) {
                return most;
            }
        }
        return Math.min(most, Math.max(LEAST_MICRO_BATCH, (count + 2 * parts.size() - 1) / (2 * parts.size())));
    }

    /** Selected rows of a step that the device with the last stage can choose tokens for itself, at most. */
    int mostSampledRows() {
        return last().mostSampledRows();
    }

    /** Whose rows are filled in before {@link #sample}. */
    RowSampling rowSampling() {
        return rowSampling;
    }

    /** Chooses from the logits that the device has kept. */
    void sample() {
        last().sample(rowSampling);
    }

    /** Says whose logits of the step that ran were left on the device, or with null that they aren't needed there any more. */
    void leaveLogitsTo(Session owner) {
        logitsOwner = owner;
    }

    /** Who needs the logits on the device, or null. */
    Session logitsOwner() {
        return logitsOwner;
    }

    /** What the launches of the step that ran last cost, device by device. */
    List<LaunchCost> launchCosts() {
        return parts.stream().flatMap(part -> part.launchCosts().stream()).toList();
    }

    private DeviceChain last() {
        return parts.get(parts.size() - 1);
    }

    /** Copies the logits of the step's {@code index}-th selected row. */
    void readLogits(int index, ByteBuffer into) {
        last().readOutput(index, 1, into);
    }

    /** Copies a page on every device. */
    @Override
    public void copyPage(int from, int to) {
        for (DeviceChain part : parts) {
            part.copyPage(from, to);
        }
    }

    void retain() {
        sessions++;
    }

    /** Closes devices and memory when no session is left. */
    void release() {
        if (--sessions == 0) {
            closeAll();
        }
    }

    private void closeAll() {
        parts.forEach(DeviceChain::close);
        devices.values().forEach(Device::close);
        parts.clear();
        devices.clear();
    }
}
