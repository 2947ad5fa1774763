package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import dev.catena.sim.ptx.PtxRegister;
import java.util.List;

/** {@code ld}, {@code st} and {@code prefetch} (PTX ISA 9.7.9). */
final class LoadStore {
    private LoadStore() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        switch (i.opcode()) {
            case "prefetch", "prefetchu", "discard", "applypriority":
                return CompareOps.plain((w, active) -> { });       // hints
            case "ldu":
                throw k.unsupported("");
            default:
        }
        boolean load = i.opcode().equals("ld");
        PtxOperand address = i.operands().get(load ? 1 : 0);
        PtxOperand value = i.operands().get(load ? 0 : 1);
        String type = InstructionDecoder.lastType(i);
        if (type.isEmpty() || type.equals("pred")) {
            throw k.unsupported("type");
        }
        Element[] elements = elements(k, value, load, type);
        int size = bytes(type);
        if (i.has("param") || i.has("param::entry") || i.has("param::func")) {
            return parameter(k, i, load, (PtxOperand.Address) address, elements, size);
        }
        Space space = space(k, i);
        Order order = order(k, i);
        AddressOperand at = new AddressOperand(k, address);
        boolean coherent = !i.has("nc");
        return load ? new Load(space, at, elements, size, order, coherent, type.startsWith("s"))
                : new Store(space, at, elements, size, order);
    }

    /** What a memory operation means for other threads. */
    enum Order { WEAK, RELAXED, ACQUIRE, RELEASE }

    static Order order(KernelDecoder k, PtxInstruction i) {
        if (i.has("mmio")) {
            throw k.unsupported("");
        }
        return i.has("acquire") ? Order.ACQUIRE : i.has("release") ? Order.RELEASE
                : i.has("relaxed") || i.has("volatile") ? Order.RELAXED : Order.WEAK;
    }

    static Space space(KernelDecoder k, PtxInstruction i) {
        for (String modifier : i.modifiers()) {
            switch (modifier) {
                case "global", "const":
                    return Space.GLOBAL;
                case "shared", "shared::cta":
                    return Space.SHARED;
                case "local":
                    return Space.LOCAL;
                case "shared::cluster":
                    throw k.unsupported("clusters");
                default:
            }
        }
        return Space.GENERIC;
    }

    static int bytes(String type) {
        return switch (type) {
            case "f16", "bf16" -> 2;
            case "f16x2", "bf16x2" -> 4;
            default -> Integer.parseInt(type.substring(1)) / 8;
        };
    }

    /** A register that a memory operation reads or writes; -1 for {@code _}. */
    record Element(int slot, boolean wide, boolean half) {}

    static Element[] elements(KernelDecoder k, PtxOperand operand, boolean load, String type) {
        List<PtxOperand> list = operand instanceof PtxOperand.Vector v ? v.elements() : List.of(operand);
        Element[] elements = new Element[list.size()];
        for (int e = 0; e < elements.length; e++) {
            PtxOperand one = list.get(e);
            if (one instanceof PtxOperand.Sink) {
                elements[e] = new Element(-1, false, false);
            } else if (one instanceof PtxOperand.Register r) {
                PtxRegister register = r.register();
                if (register.type().equals("pred")) {
                    throw k.unsupported("a predicate in memory");
                }
                elements[e] = new Element(k.slot(register), KernelDecoder.isWide(register), KernelDecoder.isHalf(register));
            } else if (load) {
                throw k.unsupported("an operand that is no register");
            } else {
                boolean wide = bytes(type) == 8;
                elements[e] = new Element(wide ? k.from64(one) : k.from32(one), wide, false);
            }
        }
        return elements;
    }

    static void put(Warp w, Element element, int lane, long value) {
        if (element.slot < 0) {
            return;
        }
        if (element.wide) {
            w.r64[element.slot][lane] = value;
        } else {
            w.r32[element.slot][lane] = element.half ? (int) value & 0xFFFF : (int) value;
        }
    }

    static long get(Warp w, Element element, int lane) {
        return element.wide ? w.r64[element.slot][lane] : w.r32[element.slot][lane];
    }

    private static Instruction parameter(KernelDecoder k, PtxInstruction i, boolean load, PtxOperand.Address address,
            Element[] elements, int size) {
        if (address.variable() == null) {
            throw k.unsupported("a parameter by address");
        }
        boolean signed = InstructionDecoder.lastType(i).startsWith("s");
        int kernelParameter = k.parameterOffset(address.variable());
        if (kernelParameter >= 0) {
            int at = kernelParameter + (int) address.offset();
            return CompareOps.plain((w, active) -> {
                for (int e = 0; e < elements.length; e++) {
                    long value = read(w.block.launch.parameters, at + e * size, size, signed);
                    for (int m = active; m != 0; m &= m - 1) {
                        put(w, elements[e], Integer.numberOfTrailingZeros(m), value);
                    }
                }
            });
        }
        int at = k.callOffset(address.variable()) + (int) address.offset();
        return CompareOps.plain((w, active) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int lane = Integer.numberOfTrailingZeros(m);
                for (int e = 0; e < elements.length; e++) {
                    if (load) {
                        put(w, elements[e], lane, read(w.parameters[lane], at + e * size, size, signed));
                    } else {
                        long value = get(w, elements[e], lane);
                        for (int b = 0; b < size; b++) {
                            w.parameters[lane][at + e * size + b] = (byte) (value >>> 8 * b);
                        }
                    }
                }
            }
        });
    }

    private static long read(byte[] from, int at, int size, boolean signed) {
        long value = 0;
        for (int b = size - 1; b >= 0; b--) {
            value = value << 8 | from[at + b] & 0xFF;
        }
        return extend(value, size, signed);
    }

    static long extend(long value, int size, boolean signed) {
        int by = 64 - 8 * size;
        return signed ? value << by >> by : value;
    }

    /** Who passes on knowledge through an address. */
    static Publications publications(Warp w, Page page) {
        return page == w.block.shared.page ? w.block.publications : w.block.launch.publications;
    }

    /** Elements of lanes, one after the other at each lane's address. */
    private abstract static class Access extends Instruction {
        final Space space;
        final AddressOperand address;
        final Element[] elements;
        final int size;
        final int total;
        final Order order;

        Access(MemoryAccess.Kind kind, Space space, AddressOperand address, Element[] elements, int size, Order order) {
            super(false, MemoryAccess.of(kind, space, address, size * elements.length));
            this.space = space;
            this.address = address;
            this.elements = elements;
            this.size = size;
            this.total = size * elements.length;
            this.order = order;
        }
    }

    private static final class Load extends Access {
        private final boolean coherent;
        private final boolean signed;

        Load(Space space, AddressOperand address, Element[] elements, int size, Order order, boolean coherent, boolean signed) {
            super(MemoryAccess.Kind.LOAD, space, address, elements, size, order);
            this.coherent = coherent;
            this.signed = signed;
        }

        @Override
        void run(Warp w, int active) {
            MemoryPort port = w.memory;
            boolean strong = order != Order.WEAK;
            try {
                for (int m = active; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    long at = address.of(w, lane);
                    Page page = port.find(space, at, total, lane, false, this);
                    port.checkRead(page, total, lane, strong, coherent, this);
                    int offset = port.offset;
                    if (elements.length == 1 && size == 4 && !elements[0].wide && elements[0].slot >= 0) {
                        w.r32[elements[0].slot][lane] = page.load32(offset);
                    } else {
                        for (int e = 0; e < elements.length; e++) {
                            put(w, elements[e], lane, extend(page.load(offset + e * size, size), size, signed));
                        }
                    }
                    if (strong) {
                        w.observe(lane, publications(w, page), at);
                    }
                }
            } finally {
                port.release();
            }
            if (order == Order.ACQUIRE) {
                w.fence(active, false);
            }
        }
    }

    private static final class Store extends Access {
        Store(Space space, AddressOperand address, Element[] elements, int size, Order order) {
            super(MemoryAccess.Kind.STORE, space, address, elements, size, order);
        }

        @Override
        void run(Warp w, int active) {
            if (order == Order.RELEASE) {
                w.fence(active, false);
            }
            MemoryPort port = w.memory;
            boolean strong = order != Order.WEAK;
            try {
                for (int m = active; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    long at = address.of(w, lane);
                    Page page = port.find(space, at, total, lane, true, this);
                    port.checkWrite(page, total, lane, strong, this);
                    for (int e = 0; e < elements.length; e++) {
                        page.store(port.offset + e * size, size, get(w, elements[e], lane));
                    }
                    if (strong) {
                        w.publish(lane, publications(w, page), at, false);
                    }
                }
            } finally {
                port.release();
            }
            w.block.launch.progress();
        }
    }
}
