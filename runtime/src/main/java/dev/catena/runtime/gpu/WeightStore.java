package dev.catena.runtime.gpu;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The weights of a model that lie on one GPU, each once; chains of all sessions share them. Thread-safe. */
final class WeightStore {
    /** Memory for several weights; it goes with the last of them. */
    private static final class Block {
        private final GpuMemory memory;
        private int weights;

        private Block(GpuMemory memory, int weights) {
            this.memory = memory;
            this.weights = weights;
        }
    }

    private static final class Resident {
        private final Block block;
        private final long address;
        private int holders;

        private Resident(Block block, long address) {
            this.block = block;
            this.address = address;
        }
    }

    /** What a chain holds of the store. */
    final class Share implements AutoCloseable {
        private final Map<String, Long> addresses = new HashMap<>();

        /** Where an entry's bytes lie, or null if the share hasn't got it. */
        Long address(String entry) {
            return addresses.get(entry);
        }

        @Override
        public void close() {
            release(addresses.keySet());
            addresses.clear();
        }
    }

    private final Gpu gpu;
    private final WeightFile file;
    private final Map<String, Resident> residents = new HashMap<>();

    WeightStore(Gpu gpu, WeightFile file) {
        this.gpu = gpu;
        this.file = file;
    }

    /** Bytes that would have to be allocated to hold these entries. */
    synchronized long missingBytes(Set<String> entries) {
        return entries.stream().filter(entry -> !residents.containsKey(entry))
                .mapToLong(entry -> new Region(entry, file.length(entry), true).roomBytes()).sum();
    }

    /** Brings those of these entries that aren't there, and returns when all are. */
    synchronized Share acquire(Set<String> entries) {
        bring(entries.stream().filter(entry -> !residents.containsKey(entry)).toList());
        Share share = new Share();
        for (String entry : new LinkedHashSet<>(entries)) {
            Resident resident = residents.get(entry);
            resident.holders++;
            share.addresses.put(entry, resident.address);
        }
        return share;
    }

    private void bring(List<String> entries) {
        if (entries.isEmpty()) {
            return;
        }
        List<Region> regions = new ArrayList<>();
        entries.forEach(entry -> regions.add(new Region(entry, file.length(entry), true)));
        Block block = new Block(gpu.allocate(regions), entries.size());
        boolean done = false;
        try (WeightUpload upload = new WeightUpload(gpu, file, regions.stream().mapToLong(Region::bytes).max().orElse(0))) {
            for (int i = 0; i < entries.size(); i++) {
                upload.add(entries.get(i), block.memory.address(i));
            }
            upload.flush();
            gpu.synchronize(upload.stream());
            done = true;
        } finally {
            if (!done) {
                Closing.all(block.memory::close);
            }
        }
        for (int i = 0; i < entries.size(); i++) {
            residents.put(entries.get(i), new Resident(block, block.memory.address(i)));
        }
    }

    private synchronized void release(Set<String> entries) {
        for (String entry : entries) {
            Resident resident = residents.get(entry);
            if (--resident.holders == 0) {
                residents.remove(entry);
                if (--resident.block.weights == 0) {
                    Closing.all(resident.block.memory::close);
                }
            }
        }
    }
}
