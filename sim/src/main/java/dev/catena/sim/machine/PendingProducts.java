package dev.catena.sim.machine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;

/**
 * A warp's {@code wgmma} products that were not waited for, in groups, and which registers need a {@code wgmma.fence} before
 * products use them (PTX ISA 9.7.15.7). Products of one shape may follow each other on the same sums without one.
 */
final class PendingProducts {
    /** @param pieces of shared memory that it reads, by offset */
    private record Product(WarpgroupMultiply of, List<Integer> pieces) {}

    private final Warp warp;
    private final Deque<List<Product>> groups = new ArrayDeque<>();
    private List<Product> open = new ArrayList<>();
    /** Registers that products have under way. */
    private final BitSet busy = new BitSet();
    /** Registers that something else has touched since the last fence. */
    private final BitSet unfenced = new BitSet();

    PendingProducts(Warp warp) {
        this.warp = warp;
    }

    void clear() {
        groups.clear();
        open.clear();
        busy.clear();
        unfenced.set(0, warp.r32.length);
    }

    /** Another instruction is about to use registers that products use, too. */
    void touch(Instruction at, int active) {
        for (int slot : at.productRegisters) {
            if (busy.get(slot)) {
                throw warp.fault(FaultKind.PENDING_PRODUCT, Integer.numberOfTrailingZeros(active), at,
                        "a register of a wgmma that was not waited for");
            }
            unfenced.set(slot);
        }
    }

    void fence() {
        unfenced.clear();
    }

    void begin(WarpgroupMultiply product) {
        for (int slot : product.d) {
            check(product, slot, "its sums");
        }
        for (int slot : product.a) {
            check(product, slot, "its A");
        }
        groups.forEach(group -> group.forEach(other -> checkApart(product, other.of)));
        open.forEach(other -> checkApart(product, other.of));
        open.add(new Product(product, new ArrayList<>()));
        for (int slot : product.d) {
            busy.set(slot);
        }
        for (int slot : product.a) {
            busy.set(slot);
        }
    }

    private void check(WarpgroupMultiply product, int slot, String what) {
        if (unfenced.get(slot)) {
            throw warp.fault(FaultKind.PRODUCT_FENCE, 0, product, "a register of " + what + " was used after the last wgmma.fence");
        }
    }

    private void checkApart(WarpgroupMultiply product, WarpgroupMultiply earlier) {
        boolean same = product.sameSums(earlier);
        for (int slot : product.d) {
            if (!same && contains(earlier.d, slot) || contains(earlier.a, slot)) {
                throw warp.fault(FaultKind.PENDING_PRODUCT, 0, product, "its sums are registers of a wgmma that was not waited for");
            }
        }
        for (int slot : product.a) {
            if (contains(earlier.d, slot)) {
                throw warp.fault(FaultKind.PENDING_PRODUCT, 0, product, "its A is the sums of a wgmma that was not waited for");
            }
        }
    }

    private static boolean contains(int[] slots, int slot) {
        for (int one : slots) {
            if (one == slot) {
                return true;
            }
        }
        return false;
    }

    /** The product that has just begun reads 16 bytes of shared memory. */
    void reads(int offset) {
        open.get(open.size() - 1).pieces.add(offset);
        warp.block.shared.beginProductRead(offset);
    }

    void commit() {
        groups.add(open);
        open = new ArrayList<>();
    }

    /** Waits for all but the youngest {@code keep} groups. */
    void await(int keep) {
        while (groups.size() > keep) {
            for (Product product : groups.remove()) {
                for (int offset : product.pieces) {
                    warp.block.shared.endProductRead(offset, warp);
                }
            }
        }
        busy.clear();
        groups.forEach(group -> group.forEach(this::keepBusy));
        open.forEach(this::keepBusy);
    }

    private void keepBusy(Product product) {
        for (int slot : product.of.d) {
            busy.set(slot);
        }
        for (int slot : product.of.a) {
            busy.set(slot);
        }
    }

    boolean none() {
        return open.isEmpty() && groups.stream().allMatch(List::isEmpty);
    }

    /** One that is under way, for reports. */
    Instruction first() {
        return open.isEmpty() ? groups.stream().flatMap(List::stream).findFirst().orElseThrow().of : open.get(0).of;
    }
}
