package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import dev.catena.sim.ptx.PtxRegister;
import java.util.ArrayList;
import java.util.List;

/** {@code mov} with packing and unpacking, {@code cvta}, {@code isspacep} (PTX ISA 9.7.9). */
final class MoveOps {
    private MoveOps() {}

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        return switch (i.opcode()) {
            case "cvta" -> convertAddress(k, i);
            case "isspacep" -> isSpace(k, i);
            default -> move(k, i);
        };
    }

    private static Instruction move(KernelDecoder k, PtxInstruction i) {
        PtxOperand to = i.operands().get(0);
        PtxOperand from = i.operands().get(1);
        if (to instanceof PtxOperand.Vector || from instanceof PtxOperand.Vector) {
            return parts(k, i, to, from);
        }
        PtxRegister d = k.register(to);
        if (d.type().equals("pred")) {
            CompareOps.Predicate p = CompareOps.predicate(k, from);
            int slot = k.slot(d);
            return CompareOps.plain((w, active) -> Plain.setPredicate(w, slot, active, p.of(w)));
        }
        if (KernelDecoder.isWide(d)) {
            if (from instanceof PtxOperand.Special) {
                throw k.unsupported("a 64-bit special register");
            }
            return Plain.ofLong(k.slot(d), k.from64(from), (dd, aa) -> System.arraycopy(aa, 0, dd, 0, 32));
        }
        int a = KernelDecoder.isHalf(d) ? k.from16(from) : k.from32(from);
        return Plain.of(k.slot(d), a, (dd, aa) -> System.arraycopy(aa, 0, dd, 0, 32));
    }

    /** A register or a vector of registers, lowest bits first. {@code slot} is -1 for {@code _}. */
    private record Part(int slot, int bits, boolean wide) {}

    private static List<Part> partsOf(KernelDecoder k, PtxOperand operand, int totalBits, boolean reads) {
        List<PtxOperand> elements = operand instanceof PtxOperand.Vector v ? v.elements() : List.of(operand);
        int bits = totalBits / elements.size();
        List<Part> parts = new ArrayList<>();
        for (PtxOperand element : elements) {
            if (element instanceof PtxOperand.Sink) {
                parts.add(new Part(-1, bits, false));
            } else if (bits == 64) {
                parts.add(new Part(reads ? k.from64(element) : k.to64(element), bits, true));
            } else {
                parts.add(new Part(!reads ? k.to32(element) : bits == 16 ? k.from16(element) : k.from32(element), bits, false));
            }
        }
        return parts;
    }

    private static Instruction parts(KernelDecoder k, PtxInstruction i, PtxOperand to, PtxOperand from) {
        int bits = Integer.parseInt(InstructionDecoder.lastType(i).substring(1));
        if (bits > 64) {
            throw k.unsupported("");
        }
        Part[] targets = partsOf(k, to, bits, false).toArray(Part[]::new);
        Part[] sources = partsOf(k, from, bits, true).toArray(Part[]::new);
        return CompareOps.plain((w, active) -> {
            for (int m = active; m != 0; m &= m - 1) {
                int l = Integer.numberOfTrailingZeros(m);
                long value = 0;
                int at = 0;
                for (Part source : sources) {
                    long part = source.wide ? w.r64[source.slot][l] : w.r32[source.slot][l] & 0xFFFFFFFFL;
                    value |= (source.bits == 64 ? part : part & (1L << source.bits) - 1) << at;
                    at += source.bits;
                }
                at = 0;
                for (Part target : targets) {
                    if (target.wide) {
                        w.r64[target.slot][l] = value;
                    } else if (target.slot >= 0) {
                        w.r32[target.slot][l] = (int) (value >>> at & (1L << target.bits) - 1);
                    }
                    at += target.bits;
                }
            }
        });
    }

    private static Instruction convertAddress(KernelDecoder k, PtxInstruction i) {
        boolean back = i.has("to");
        long window = i.has("shared") || i.has("shared::cta") ? Space.SHARED.window() : i.has("local") ? Space.LOCAL.window()
                : i.has("global") || i.has("const") ? 0 : -1;
        if (window < 0) {
            throw k.unsupported("");
        }
        long add = back ? -window : window;
        PtxOperand from = i.operands().get(1);
        return Plain.ofLong(k.to64(i.operands().get(0)), k.from64(from), (dd, aa) -> {
            for (int l = 0; l < 32; l++) {
                dd[l] = aa[l] + add;
            }
        });
    }

    private static Instruction isSpace(KernelDecoder k, PtxInstruction i) {
        Space space = i.has("global") ? Space.GLOBAL : i.has("shared") || i.has("shared::cta") ? Space.SHARED : i.has("local")
                ? Space.LOCAL : null;
        if (space == null) {
            throw k.unsupported("");
        }
        int p = k.toPredicate(i.operands().get(0));
        int a = k.from64(i.operands().get(1));
        return CompareOps.plain((w, active) -> {
            int mask = 0;
            for (int l = 0; l < 32; l++) {
                mask |= Space.of(w.r64[a][l]) == space ? 1 << l : 0;
            }
            Plain.setPredicate(w, p, active, mask);
        });
    }
}
