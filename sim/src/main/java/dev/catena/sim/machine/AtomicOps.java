package dev.catena.sim.machine;

import dev.catena.sim.arithmetic.SmallFloat;
import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code atom} and {@code red} (PTX ISA 9.7.13). Lanes update in random order, one after the other. */
final class AtomicOps {
    private AtomicOps() {}

    interface Update { long of(long old, long b, long c); }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        boolean returns = i.opcode().equals("atom");
        List<PtxOperand> o = i.operands();
        String type = InstructionDecoder.lastType(i);
        int size = LoadStore.bytes(type);
        if (size < 2 || size > 8 || i.has("async")) {
            throw k.unsupported("");
        }
        Update update = update(k, i, type);
        LoadStore.Element d = returns && !(o.get(0) instanceof PtxOperand.Sink) ? LoadStore.elements(k, o.get(0), true, type)[0] : null;
        int first = returns ? 1 : 0;
        AddressOperand address = new AddressOperand(k, o.get(first));
        if (o.get(first + 1) instanceof PtxOperand.Vector) {
            throw k.unsupported("vectors");
        }
        LoadStore.Element b = LoadStore.elements(k, o.get(first + 1), false, type)[0];
        LoadStore.Element c = i.has("cas") ? LoadStore.elements(k, o.get(first + 2), false, type)[0] : null;
        Space space = LoadStore.space(k, i);
        boolean acquire = i.has("acquire") || i.has("acq_rel");
        boolean release = i.has("release") || i.has("acq_rel");
        boolean blockScope = i.has("cta");
        return new Instruction(false, MemoryAccess.of(MemoryAccess.Kind.ATOMIC, space, address, size)) {
            @Override
            void run(Warp w, int active) {
                if (release) {
                    w.fence(active, blockScope);
                }
                boolean changed = false;
                int turn = w.nextRandom() & 31;
                try {
                    for (int n = 0; n < 32; n++) {
                        int lane = n + turn & 31;
                        if ((active >> lane & 1) != 0) {
                            changed |= one(w, lane);
                        }
                    }
                } finally {
                    w.memory.release();
                }
                if (changed) {
                    w.block.launch.progress();
                }
                if (acquire) {
                    w.fence(active, blockScope);
                }
            }

            private boolean one(Warp w, int lane) {
                long at = address.of(w, lane);
                Page page = w.memory.find(space, at, size, lane, true, this);
                int offset = w.memory.offset;
                if (!page.isWritten(offset, size)) {
                    throw w.fault(FaultKind.UNWRITTEN, lane, this, size + " bytes at "
                            + w.memory.describe(space == Space.GENERIC ? Space.of(at) : space, at));
                }
                w.memory.checkWrite(page, size, lane, true, this);
                long old = page.load(offset, size);
                long now = update.of(old, LoadStore.get(w, b, lane), c == null ? 0 : LoadStore.get(w, c, lane));
                page.store(offset, size, now);
                if (d != null) {
                    LoadStore.put(w, d, lane, old);
                }
                Publications publications = LoadStore.publications(w, page);
                w.observe(lane, publications, at);
                w.publish(lane, publications, at, true);
                return size == 8 ? old != now : (int) old != (int) now;
            }
        };
    }

    private static Update update(KernelDecoder k, PtxInstruction i, String type) {
        boolean signed = type.startsWith("s");
        boolean wide = type.endsWith("64");
        if (i.has("add")) {
            switch (type) {
                case "f32":
                    return (x, b, c) -> Float.floatToRawIntBits(Float.intBitsToFloat((int) x) + Float.intBitsToFloat((int) b));
                case "f64":
                    return (x, b, c) -> Double.doubleToRawLongBits(Double.longBitsToDouble(x) + Double.longBitsToDouble(b));
                case "f16":
                    return (x, b, c) -> SmallFloat.F16.add((int) x & 0xFFFF, (int) b & 0xFFFF);
                case "bf16":
                    return (x, b, c) -> SmallFloat.BF16.add((int) x & 0xFFFF, (int) b & 0xFFFF);
                case "f16x2", "bf16x2":
                    SmallFloat half = type.equals("f16x2") ? SmallFloat.F16 : SmallFloat.BF16;
                    return (x, b, c) -> half.add((int) x & 0xFFFF, (int) b & 0xFFFF)
                            | (long) half.add((int) x >>> 16, (int) b >>> 16) << 16;
                default:
                    return (x, b, c) -> x + b;
            }
        }
        if (i.has("exch")) {
            return (x, b, c) -> b;
        }
        if (i.has("cas")) {
            long mask = wide ? -1 : type.endsWith("16") ? 0xFFFF : 0xFFFFFFFFL;
            return (x, b, c) -> (x & mask) == (b & mask) ? c : x;
        }
        if (type.startsWith("f") || type.startsWith("bf")) {
            throw k.unsupported("");
        }
        if (i.has("and")) {
            return (x, b, c) -> x & b;
        }
        if (i.has("or")) {
            return (x, b, c) -> x | b;
        }
        if (i.has("xor")) {
            return (x, b, c) -> x ^ b;
        }
        if (i.has("min") || i.has("max")) {
            boolean max = i.has("max");
            return (x, b, c) -> {
                int order = wide ? signed ? Long.compare(x, b) : Long.compareUnsigned(x, b)
                        : signed ? Integer.compare((int) x, (int) b) : Integer.compareUnsigned((int) x, (int) b);
                return order < 0 == max ? b : x;
            };
        }
        if (i.has("inc") && !wide) {
            return (x, b, c) -> Integer.compareUnsigned((int) x, (int) b) >= 0 ? 0 : x + 1;
        }
        if (i.has("dec") && !wide) {
            return (x, b, c) -> (int) x == 0 || Integer.compareUnsigned((int) x, (int) b) > 0 ? b : x - 1;
        }
        throw k.unsupported("");
    }
}
