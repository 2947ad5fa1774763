package dev.catena.runtime.cuda;

/** The functions of libcuda that Catena calls: each that must be there is in every driver of CUDA 12 (CUDA Driver API, module by module). */
enum DriverFunction {
    INIT("cuInit"),
    DEVICE_COUNT("cuDeviceGetCount"),
    DEVICE("cuDeviceGet"),
    DEVICE_NAME("cuDeviceGetName"),
    DEVICE_MEMORY("cuDeviceTotalMem_v2"),
    DEVICE_ATTRIBUTE("cuDeviceGetAttribute"),
    CAN_ACCESS_PEER("cuDeviceCanAccessPeer"),
    RETAIN_CONTEXT("cuDevicePrimaryCtxRetain"),
    RELEASE_CONTEXT("cuDevicePrimaryCtxRelease_v2"),
    SET_CONTEXT("cuCtxSetCurrent"),
    ENABLE_PEER_ACCESS("cuCtxEnablePeerAccess"),
    MEMORY_INFO("cuMemGetInfo_v2"),
    ALLOCATE("cuMemAlloc_v2"),
    FREE("cuMemFree_v2"),
    ALLOCATE_HOST("cuMemHostAlloc"),
    FREE_HOST("cuMemFreeHost"),
    COPY_IN("cuMemcpyHtoDAsync_v2"),
    COPY_OUT("cuMemcpyDtoHAsync_v2"),
    COPY("cuMemcpyDtoDAsync_v2"),
    COPY_PEER("cuMemcpyPeerAsync"),
    FILL("cuMemsetD8Async"),
    LOAD_MODULE("cuModuleLoadDataEx"),
    UNLOAD_MODULE("cuModuleUnload"),
    MODULE_FUNCTION("cuModuleGetFunction"),
    FUNCTION_ATTRIBUTE("cuFuncSetAttribute"),
    CREATE_STREAM("cuStreamCreate"),
    DESTROY_STREAM("cuStreamDestroy_v2"),
    SYNCHRONIZE_STREAM("cuStreamSynchronize"),
    WAIT_EVENT("cuStreamWaitEvent"),
    CREATE_EVENT("cuEventCreate"),
    DESTROY_EVENT("cuEventDestroy_v2"),
    RECORD_EVENT("cuEventRecord"),
    SYNCHRONIZE_EVENT("cuEventSynchronize"),
    LAUNCH("cuLaunchKernel"),
    CREATE_GRAPH("cuGraphCreate"),
    ADD_KERNEL_NODE("cuGraphAddKernelNode"),
    INSTANTIATE_GRAPH("cuGraphInstantiateWithFlags"),
    LAUNCH_GRAPH("cuGraphLaunch"),
    DESTROY_GRAPH("cuGraphDestroy"),
    DESTROY_EXECUTABLE("cuGraphExecDestroy"),
    /** From CUDA 12.3 on. */
    ADD_DEPENDENCIES("cuGraphAddDependencies_v2", true);

    private final String symbol;
    private final boolean optional;

    DriverFunction(String symbol) {
        this(symbol, false);
    }

    DriverFunction(String symbol, boolean optional) {
        this.symbol = symbol;
        this.optional = optional;
    }

    /** Whether drivers may lack it. */
    boolean optional() {
        return optional;
    }

    String symbol() {
        return symbol;
    }
}
