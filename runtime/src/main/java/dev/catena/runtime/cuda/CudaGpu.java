package dev.catena.runtime.cuda;

import dev.catena.runtime.DeviceException;
import dev.catena.runtime.DeviceLostException;
import dev.catena.runtime.cpu.SystemLibrary;
import dev.catena.runtime.gpu.Gpu;
import dev.catena.runtime.gpu.GpuFacts;
import dev.catena.runtime.gpu.GpuMemory;
import dev.catena.runtime.gpu.KernelLaunch;
import dev.catena.runtime.gpu.PinnedMemory;
import dev.catena.runtime.gpu.Region;
import java.lang.ref.Reference;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** A GPU of NVIDIA's, through its primary context. */
final class CudaGpu implements Gpu {
    /** cuda.h: CU_STREAM_NON_BLOCKING, CU_EVENT_DISABLE_TIMING, CU_MEMHOSTALLOC_PORTABLE. */
    private static final int NON_BLOCKING = 1, DISABLE_TIMING = 2, PORTABLE = 1;
    /** cuda.h: CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES. */
    private static final int MAX_DYNAMIC_SHARED = 8;
    /** cuda.h: CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC, CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC. */
    private static final byte PROGRAMMATIC_PORT = 1, PROGRAMMATIC_TYPE = 1;
    private static final int FIRST_WITH_DEPENDENT_LAUNCHES = 90;
    /** A kernel may have so much shared memory without being asked. */
    private static final int UNASKED_SHARED = 48 << 10;

    /** cuda.h, CUdevice_attribute: what may explain a measurement. */
    private static final Map<String, Integer> ATTRIBUTES = new TreeMap<>(Map.ofEntries(Map.entry("clock_khz", 13), Map.entry("ecc_enabled", 32),
            Map.entry("memory_clock_khz", 36), Map.entry("memory_bus_bits", 37), Map.entry("l2_bytes", 38),
            Map.entry("threads_per_multiprocessor", 39), Map.entry("copy_engines", 40), Map.entry("shared_bytes_per_multiprocessor", 81),
            Map.entry("registers_per_multiprocessor", 82), Map.entry("most_shared_bytes_per_block", 97),
            Map.entry("blocks_per_multiprocessor", 106)));

    private final DriverLibrary driver;
    private final String name;
    private final int device;
    private final GpuFacts facts;
    private final long context;
    /** GPUs whose memory this one's context was to reach; where that can't be, the driver stages what is copied. */
    private final Set<CudaGpu> peersAsked = new HashSet<>();
    private volatile DeviceLostException lost;

    /** @param device the driver's handle of it */
    CudaGpu(DriverLibrary driver, String name, int device, GpuFacts facts) {
        this.driver = driver;
        this.name = name;
        this.device = device;
        this.facts = facts;
        int result = driver.call(DriverFunction.RETAIN_CONTEXT, driver.results(), device);
        if (result != 0) {
            throw new DeviceException(name + ": " + DriverError.words(result));
        }
        context = driver.resultLong(0);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public GpuFacts facts() {
        return facts;
    }

    /** What a driver doesn't know of is left out. */
    @Override
    public Map<String, Long> attributes() {
        Map<String, Long> found = new LinkedHashMap<>(Map.of("driver_version", (long) driver.version()));
        ATTRIBUTES.forEach((attribute, number) -> {
            if (driver.call(DriverFunction.DEVICE_ATTRIBUTE, driver.results(), number, device) == 0) {
                found.put(attribute, (long) driver.resultInt());
            }
        });
        return found;
    }

    /** Makes this GPU the one that the calling thread's calls are about. */
    private void enter() {
        DeviceLostException before = lost;
        if (before != null) {
            throw before;
        }
        check(driver.call(DriverFunction.SET_CONTEXT, context));
    }

    /** After the first failure the context is of no use any more, but for one for want of memory: then nothing was done. */
    private void check(int result) {
        if (result == DriverError.OUT_OF_MEMORY) {
            throw new DeviceException(name + ": " + DriverError.words(result));
        }
        if (result != 0) {
            DeviceLostException failure = new DeviceLostException(name + ": " + DriverError.words(result));
            lost = failure;
            throw failure;
        }
    }

    @Override
    public long freeBytes() {
        enter();
        check(driver.call(DriverFunction.MEMORY_INFO, driver.results(), driver.results() + 8));
        return driver.resultLong(0);
    }

    @Override
    public GpuMemory allocate(List<Region> regions) {
        enter();
        long bytes = Region.totalBytes(regions);
        int result = driver.call(DriverFunction.ALLOCATE, driver.results(), bytes);
        if (result == DriverError.OUT_OF_MEMORY) {
            throw new DeviceException(String.format(Locale.ROOT, "%s: no room for %.1f MiB of %s: %s", name, bytes / 1048576.0,
                    regions.get(0).name(), DriverError.words(result)));
        }
        check(result);
        long base = driver.resultLong(0);
        long[] addresses = Region.offsets(regions);
        for (int i = 0; i < addresses.length; i++) {
            addresses[i] += base;
        }
        return new GpuMemory(addresses, () -> free(DriverFunction.FREE, base));
    }

    private void free(DriverFunction function, long handle) {
        enter();
        check(driver.call(function, handle));
    }

    @Override
    public boolean isolatesRegions() {
        return false;
    }

    @Override
    public PinnedMemory pin(int bytes) {
        enter();
        int result = driver.call(DriverFunction.ALLOCATE_HOST, driver.results(), bytes, PORTABLE);
        if (result == DriverError.OUT_OF_MEMORY) {
            throw new DeviceException(name + ": no room for " + bytes + " bytes of the host's memory that it can copy from");
        }
        check(result);
        long address = driver.resultLong(0);
        return new PinnedMemory(address, SystemLibrary.view(address, bytes), () -> free(DriverFunction.FREE_HOST, address));
    }

    @Override
    public long load(byte[] code, String what) {
        enter();
        // The driver looks for PTX's end, a cubin says its own size.
        ByteBuffer image = ByteBuffer.allocateDirect(code.length + 1).put(0, code);
        int result = driver.call(DriverFunction.LOAD_MODULE, driver.results(), SystemLibrary.address(image));
        keep(image);
        if (result != 0) {
            throw new DeviceException(name + ": " + what + ": " + DriverError.words(result));
        }
        return driver.resultLong(0);
    }

    @Override
    public void unload(long code) {
        free(DriverFunction.UNLOAD_MODULE, code);
    }

    @Override
    public long kernel(long code, String kernel, int sharedBytes) {
        enter();
        ByteBuffer text = SystemLibrary.cString(kernel);
        int result = driver.call(DriverFunction.MODULE_FUNCTION, driver.results(), code, SystemLibrary.address(text));
        keep(text);
        if (result != 0) {
            throw new DeviceException(name + ": kernel " + kernel + ": " + DriverError.words(result));
        }
        long function = driver.resultLong(0);
        if (sharedBytes > UNASKED_SHARED) {
            result = driver.call(DriverFunction.FUNCTION_ATTRIBUTE, function, MAX_DYNAMIC_SHARED, sharedBytes);
            if (result != 0) {
                throw new DeviceException(name + ": kernel " + kernel + " with " + sharedBytes + " bytes of shared memory: "
                        + DriverError.words(result));
            }
        }
        return function;
    }

    @Override
    public long newStream() {
        enter();
        check(driver.call(DriverFunction.CREATE_STREAM, driver.results(), NON_BLOCKING));
        return driver.resultLong(0);
    }

    @Override
    public void closeStream(long stream) {
        free(DriverFunction.DESTROY_STREAM, stream);
    }

    @Override
    public long newEvent() {
        enter();
        check(driver.call(DriverFunction.CREATE_EVENT, driver.results(), DISABLE_TIMING));
        return driver.resultLong(0);
    }

    @Override
    public void closeEvent(long event) {
        free(DriverFunction.DESTROY_EVENT, event);
    }

    @Override
    public void record(long event, long stream) {
        enter();
        check(driver.call(DriverFunction.RECORD_EVENT, event, stream));
    }

    @Override
    public void await(long stream, long event) {
        enter();
        check(driver.call(DriverFunction.WAIT_EVENT, stream, event, 0));
    }

    @Override
    public void synchronizeEvent(long event) {
        enter();
        check(driver.call(DriverFunction.SYNCHRONIZE_EVENT, event));
    }

    @Override
    public void synchronize(long stream) {
        enter();
        check(driver.call(DriverFunction.SYNCHRONIZE_STREAM, stream));
    }

    @Override
    public void copyIn(long stream, long to, PinnedMemory from, long offset, long bytes) {
        enter();
        check(driver.call(DriverFunction.COPY_IN, to, from.address() + offset, bytes, stream, 0));
    }

    @Override
    public void copyOut(long stream, PinnedMemory to, long offset, long from, long bytes) {
        enter();
        check(driver.call(DriverFunction.COPY_OUT, to.address() + offset, from, bytes, stream, 0));
    }

    @Override
    public void copy(long stream, long to, long from, long bytes) {
        enter();
        check(driver.call(DriverFunction.COPY, to, from, bytes, stream, 0));
    }

    /** The driver stages the copy through the host where one GPU can't reach the other. */
    @Override
    public void copyFrom(long stream, long to, Gpu other, long from, long bytes) {
        CudaGpu source = (CudaGpu) other;
        enter();
        reach(source);
        check(driver.callWithMany(DriverFunction.COPY_PEER, to, context, from, source.context, bytes, stream));
    }

    private synchronized void reach(CudaGpu other) {
        if (!peersAsked.add(other)) {
            return;
        }
        check(driver.call(DriverFunction.CAN_ACCESS_PEER, driver.results(), device, other.device));
        if (driver.resultInt() != 0) {
            int result = driver.call(DriverFunction.ENABLE_PEER_ACCESS, other.context, 0);
            check(DriverError.HARMLESS_OF_PEERS.contains(result) ? 0 : result);
        }
    }

    @Override
    public void zero(long stream, long address, long bytes) {
        if (bytes > 0) {
            enter();
            check(driver.call(DriverFunction.FILL, address, 0, bytes, stream, 0));
        }
    }

    @Override
    public void launch(long stream, KernelLaunch launch) {
        enter();
        int[] grid = launch.grid();
        int[] block = launch.block();
        ByteBuffer parameters = parameters(launch);
        check(driver.callWithMany(DriverFunction.LAUNCH, launch.kernel(), grid[0], grid[1], grid[2], block[0], block[1], block[2],
                launch.shared(), stream, SystemLibrary.address(parameters), 0));
        keep(parameters);
    }

    /** An array of pointers to the parameters, and behind it these; the driver copies them. */
    private static ByteBuffer parameters(KernelLaunch launch) {
        int count = launch.pointers().length;
        ByteBuffer buffer = ByteBuffer.allocateDirect(16 * Math.max(1, count)).order(ByteOrder.nativeOrder());
        long values = SystemLibrary.address(buffer) + 8L * count;
        for (int i = 0; i < count; i++) {
            buffer.putLong(8 * i, values + 8L * i).putLong(8 * (count + i), launch.pointers()[i]);
        }
        return buffer;
    }

    /** Called after the driver, so that the collector sees the buffer in use until then. */
    private static void keep(ByteBuffer buffer) {
        Reference.reachabilityFence(buffer);
    }

    @Override
    public boolean overlapsLaunches() {
        return facts.capability() >= FIRST_WITH_DEPENDENT_LAUNCHES && driver.has(DriverFunction.ADD_DEPENDENCIES);
    }

    @Override
    public long instantiate(List<KernelLaunch> launches, boolean dependent) {
        enter();
        check(driver.call(DriverFunction.CREATE_GRAPH, driver.results(), 0));
        long graph = driver.resultLong(0);
        try {
            addNodes(graph, launches, dependent && driver.has(DriverFunction.ADD_DEPENDENCIES));
            check(driver.call(DriverFunction.INSTANTIATE_GRAPH, driver.results(), graph, 0));
            return driver.resultLong(0);
        } finally {
            driver.call(DriverFunction.DESTROY_GRAPH, graph);
        }
    }

    private void addNodes(long graph, List<KernelLaunch> launches, boolean overlap) {
        ByteBuffer nodes = ByteBuffer.allocateDirect(8 * launches.size()).order(ByteOrder.nativeOrder());
        ByteBuffer edge = ByteBuffer.allocateDirect(8).put(0, PROGRAMMATIC_PORT).put(2, PROGRAMMATIC_TYPE);      // CUgraphEdgeData
        for (int i = 0; i < launches.size(); i++) {
            ByteBuffer parameters = parameters(launches.get(i));
            ByteBuffer kernel = kernelNode(launches.get(i), SystemLibrary.address(parameters));
            long node = SystemLibrary.address(nodes) + 8L * i;
            int before = overlap ? 0 : Math.min(1, i);
            check(driver.call(DriverFunction.ADD_KERNEL_NODE, node, graph, before == 0 ? 0 : node - 8, before,
                    SystemLibrary.address(kernel)));
            if (overlap && i > 0) {
                check(driver.call(DriverFunction.ADD_DEPENDENCIES, graph, node - 8, node, SystemLibrary.address(edge), 1));
            }
            keep(parameters);
            keep(kernel);
        }
        keep(nodes);
        keep(edge);
    }

    /** cuda.h: CUDA_KERNEL_NODE_PARAMS of cuGraphAddKernelNode, 56 bytes. */
    private static ByteBuffer kernelNode(KernelLaunch launch, long parameters) {
        int[] grid = launch.grid();
        int[] block = launch.block();
        return ByteBuffer.allocateDirect(56).order(ByteOrder.nativeOrder()).putLong(0, launch.kernel())
                .putInt(8, grid[0]).putInt(12, grid[1]).putInt(16, grid[2])
                .putInt(20, block[0]).putInt(24, block[1]).putInt(28, block[2])
                .putInt(32, launch.shared()).putLong(40, parameters).putLong(48, 0);
    }

    @Override
    public void launchGraph(long stream, long graph) {
        enter();
        check(driver.call(DriverFunction.LAUNCH_GRAPH, graph, stream));
    }

    @Override
    public void closeGraph(long graph) {
        free(DriverFunction.DESTROY_EXECUTABLE, graph);
    }

    @Override
    public void close() {
        driver.call(DriverFunction.RELEASE_CONTEXT, device);
    }
}
