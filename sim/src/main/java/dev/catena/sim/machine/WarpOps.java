package dev.catena.sim.machine;

import dev.catena.sim.ptx.PtxInstruction;
import dev.catena.sim.ptx.PtxOperand;
import java.util.List;

/** {@code shfl}, {@code vote}, {@code match}, {@code redux}, {@code activemask} (PTX ISA 9.7.9, 9.7.13). They order no memory. */
final class WarpOps {
    private WarpOps() {}

    /** A collective whose last operand names its lanes. */
    private abstract static class Masked extends Collective {
        private final int members;

        Masked(int members) {
            this.members = members;
        }

        @Override
        int required(Warp w, int lane) {
            return w.r32[members][lane];
        }
    }

    static Instruction decode(KernelDecoder k, PtxInstruction i) {
        List<PtxOperand> o = i.operands();
        if (i.opcode().equals("activemask")) {
            int d = k.to32(o.get(0));
            return CompareOps.plain((w, active) -> {
                for (int m = active; m != 0; m &= m - 1) {
                    w.r32[d][Integer.numberOfTrailingZeros(m)] = active;
                }
            });
        }
        if (!i.has("sync")) {
            throw k.unsupported("without .sync");
        }
        int members = k.from32(o.get(o.size() - 1));
        return switch (i.opcode()) {
            case "shfl" -> shuffle(k, i, members);
            case "vote" -> vote(k, i, members);
            case "match" -> match(k, i, members);
            case "redux" -> reduce(k, i, members);
            default -> elect(k, i, members);
        };
    }

    private static Instruction shuffle(KernelDecoder k, PtxInstruction i, int members) {
        List<PtxOperand> o = i.operands();
        PtxOperand first = o.get(0);
        int d = k.to32(first instanceof PtxOperand.Pair pair ? pair.first() : first);
        int p = first instanceof PtxOperand.Pair pair ? k.toPredicate(pair.second()) : -1;
        int a = k.from32(o.get(1));
        int b = k.from32(o.get(2));
        int c = k.from32(o.get(3));
        String mode = i.has("up") ? "up" : i.has("down") ? "down" : i.has("bfly") ? "bfly" : "idx";
        return new Masked(members) {
            @Override
            void perform(Warp w, int lanes) {
                int[] results = w.spare32;
                int inRange = 0;
                for (int m = lanes; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    int by = w.r32[b][lane] & 31;
                    int clamp = w.r32[c][lane] & 31;
                    int segment = w.r32[c][lane] >> 8 & 31;
                    int most = lane & segment | clamp & ~segment;
                    int least = lane & segment;
                    int from = switch (mode) {
                        case "up" -> lane - by;
                        case "down" -> lane + by;
                        case "bfly" -> lane ^ by;
                        default -> least | by & ~segment;
                    };
                    boolean inside = mode.equals("up") ? from >= most : from <= most;
                    if (!inside) {
                        from = lane;
                    } else {
                        inRange |= 1 << lane;
                    }
                    if ((lanes >> from & 1) == 0) {
                        throw w.fault(FaultKind.LANES, lane, this, "it reads lane " + from + ", which is not in the mask "
                                + hex(lanes));
                    }
                    results[lane] = w.r32[a][from];
                }
                Plain.settle(w, d, lanes);
                if (lanes == -1) {
                    System.arraycopy(results, 0, w.r32[d], 0, Warp.LANES);
                }
                Plain.setPredicate(w, p, lanes, inRange);
            }
        };
    }

    private static Instruction vote(KernelDecoder k, PtxInstruction i, int members) {
        List<PtxOperand> o = i.operands();
        CompareOps.Predicate a = CompareOps.predicate(k, o.get(1));
        if (i.has("ballot")) {
            int d = k.to32(o.get(0));
            return new Masked(members) {
                @Override
                void perform(Warp w, int lanes) {
                    int ballot = a.of(w) & lanes;
                    for (int m = lanes; m != 0; m &= m - 1) {
                        w.r32[d][Integer.numberOfTrailingZeros(m)] = ballot;
                    }
                }
            };
        }
        int p = k.toPredicate(o.get(0));
        boolean all = i.has("all");
        boolean any = i.has("any");
        return new Masked(members) {
            @Override
            void perform(Warp w, int lanes) {
                int votes = a.of(w) & lanes;
                boolean holds = all ? votes == lanes : any ? votes != 0 : votes == 0 || votes == lanes;
                Plain.setPredicate(w, p, lanes, holds ? -1 : 0);
            }
        };
    }

    private static Instruction match(KernelDecoder k, PtxInstruction i, int members) {
        List<PtxOperand> o = i.operands();
        boolean wide = i.has("b64");
        boolean all = i.has("all");
        PtxOperand first = o.get(0);
        int d = k.to32(first instanceof PtxOperand.Pair pair ? pair.first() : first);
        int p = first instanceof PtxOperand.Pair pair ? k.toPredicate(pair.second()) : -1;
        int a = wide ? k.from64(o.get(1)) : k.from32(o.get(1));
        return new Masked(members) {
            @Override
            void perform(Warp w, int lanes) {
                for (int m = lanes; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    int same = 0;
                    for (int n = lanes; n != 0; n &= n - 1) {
                        int other = Integer.numberOfTrailingZeros(n);
                        if (wide ? w.r64[a][lane] == w.r64[a][other] : w.r32[a][lane] == w.r32[a][other]) {
                            same |= 1 << other;
                        }
                    }
                    w.spare32[lane] = all && same != lanes ? 0 : same;
                }
                int whole = 0;
                for (int m = lanes; m != 0; m &= m - 1) {
                    int lane = Integer.numberOfTrailingZeros(m);
                    w.r32[d][lane] = w.spare32[lane];
                    whole |= w.spare32[lane] == lanes ? 1 << lane : 0;
                }
                Plain.setPredicate(w, p, lanes, whole);
            }
        };
    }

    private static Instruction reduce(KernelDecoder k, PtxInstruction i, int members) {
        List<PtxOperand> o = i.operands();
        boolean signed = i.has("s32");
        if (i.has("f32")) {
            throw k.unsupported("");
        }
        Lanes.Int2 f = i.has("add") ? Integer::sum : i.has("and") ? (x, y) -> x & y : i.has("or") ? (x, y) -> x | y
                : i.has("xor") ? (x, y) -> x ^ y : i.has("min") ? signed ? Math::min : (x, y) -> Integer.compareUnsigned(x, y) < 0 ? x : y
                : signed ? Math::max : (x, y) -> Integer.compareUnsigned(x, y) > 0 ? x : y;
        int d = k.to32(o.get(0));
        int a = k.from32(o.get(1));
        return new Masked(members) {
            @Override
            void perform(Warp w, int lanes) {
                int result = w.r32[a][Integer.numberOfTrailingZeros(lanes)];
                for (int m = lanes & lanes - 1; m != 0; m &= m - 1) {
                    result = f.of(result, w.r32[a][Integer.numberOfTrailingZeros(m)]);
                }
                for (int m = lanes; m != 0; m &= m - 1) {
                    w.r32[d][Integer.numberOfTrailingZeros(m)] = result;
                }
            }
        };
    }

    /** Elects any lane: which one PTX leaves open. */
    private static Instruction elect(KernelDecoder k, PtxInstruction i, int members) {
        PtxOperand.Pair pair = (PtxOperand.Pair) i.operands().get(0);
        int d = pair.first() instanceof PtxOperand.Sink ? -1 : k.to32(pair.first());
        int p = k.toPredicate(pair.second());
        return new Masked(members) {
            @Override
            void perform(Warp w, int lanes) {
                int leader = Integer.numberOfTrailingZeros(lanes);
                for (int skip = w.nextRandom() % Integer.bitCount(lanes), m = lanes; skip-- > 0;) {
                    m &= m - 1;
                    leader = Integer.numberOfTrailingZeros(m);
                }
                for (int m = lanes; d >= 0 && m != 0; m &= m - 1) {
                    w.r32[d][Integer.numberOfTrailingZeros(m)] = leader;
                }
                Plain.setPredicate(w, p, lanes, 1 << leader);
            }
        };
    }
}
