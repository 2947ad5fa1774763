package dev.catena.sim.machine;

import dev.catena.runtime.DeviceException;
import dev.catena.sim.ptx.PtxFunction;
import dev.catena.sim.ptx.PtxModule;
import dev.catena.sim.ptx.PtxVariable;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A loaded module: its variables in memory, its kernels decoded when they are first asked for. */
public final class SimModule {
    private final PtxModule module;
    private final Map<String, Allocation> variables = new HashMap<>();
    private final Map<String, Kernel> kernels = new HashMap<>();

    SimModule(SimMachine machine, PtxModule module) {
        this.module = module;
        for (PtxVariable variable : module.variables()) {
            if (!variable.space().equals("shared")) {
                variables.put(variable.name(), place(machine, variable));
            }
        }
    }

    private static Allocation place(SimMachine machine, PtxVariable variable) {
        byte[] initial = new byte[(int) variable.bytes()];
        if (variable.initializer() != null) {
            System.arraycopy(variable.initializer(), 0, initial, 0, Math.min(initial.length, variable.initializer().length));
        }
        if (variable.space().equals("const")) {
            return machine.allocateReadOnly(variable.name(), variable.bytes(),
                    (offset, into, length) -> System.arraycopy(initial, (int) offset, into, 0, length));
        }
        Allocation allocation = machine.allocate(variable.name(), variable.bytes());
        allocation.write(0, ByteBuffer.wrap(initial), initial.length);     // without an initializer it is zero
        return allocation;
    }

    /** Names of its kernels. */
    public List<String> kernelNames() {
        return module.functions().values().stream().filter(PtxFunction::entry).map(PtxFunction::name).toList();
    }

    /** The memory of a module-scope variable, or null. */
    public Allocation variable(String name) {
        return variables.get(name);
    }

    /**
     * A kernel.
     *
     * @throws UnsupportedPtxException when it has an instruction that sim doesn't know
     */
    public synchronized Kernel kernel(String name) {
        return kernels.computeIfAbsent(name, wanted -> {
            PtxFunction function = module.functions().get(wanted);
            if (function == null || !function.entry()) {
                throw new DeviceException("the module has no kernel '" + wanted + "', only " + kernelNames());
            }
            return new KernelDecoder(module, function, variables).decode();
        });
    }
}
