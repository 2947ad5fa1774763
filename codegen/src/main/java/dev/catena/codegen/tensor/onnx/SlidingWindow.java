package dev.catena.codegen.tensor.onnx;

import dev.catena.codegen.tensor.Failure;
import dev.catena.codegen.tensor.Index;
import dev.catena.codegen.tensor.OperationSite;
import dev.catena.codegen.tensor.Scalar;
import dev.catena.codegen.tensor.TensorBuilder;
import java.util.ArrayList;
import java.util.List;

/** A kernel that slides over the axes behind batch and channel: the attributes that convolutions and poolings share. */
final class SlidingWindow {
    private final OperationSite site;
    private final List<Long> kernel;
    private final List<Scalar> dims;
    private final String autoPad;

    /**
     * @param kernel its size along each axis
     * @param dims   the axes that it slides over
     */
    SlidingWindow(OperationSite site, List<Long> kernel, List<Scalar> dims) {
        this.site = site;
        this.kernel = kernel;
        this.dims = dims;
        this.autoPad = site.operation().textAttribute("auto_pad");
    }

    private long attribute(String name, int index, long otherwise) {
        return site.operation().hasAttribute(name) ? site.operation().intsAttribute(name).get(index) : otherwise;
    }

    List<Long> kernel() {
        return kernel;
    }

    List<Scalar> dims() {
        return dims;
    }

    long stride(int axis) {
        return attribute("strides", axis, 1);
    }

    long dilation(int axis) {
        return attribute("dilations", axis, 1);
    }

    /** How many elements the kernel spans along an axis. */
    long extent(int axis) {
        return (kernel.get(axis) - 1) * dilation(axis) + 1;
    }

    boolean isSame() {
        return autoPad.startsWith("SAME");
    }

    boolean padsMoreAtEnd() {
        return autoPad.equals("SAME_UPPER");
    }

    /** The padding as given, before or (end) behind an axis. */
    long givenPad(int axis, boolean end) {
        return autoPad.equals("NOTSET") ? attribute("pads", end ? kernel.size() + axis : axis, 0) : 0;
    }

    /** The number of places that the kernel takes along an axis. */
    Scalar places(int axis) {
        TensorBuilder b = site.builder();
        Scalar d = dims.get(axis);
        long stride = stride(axis);
        if (isSame()) {
            return b.define(Index.divide(Index.add(d, Index.of(stride - 1)), Index.of(stride)));
        }
        long begin = givenPad(axis, false);
        Scalar free = b.define(Index.add(d, Index.of(begin + givenPad(axis, true) - extent(axis))));
        b.check(Index.lessOrEqual(Index.ZERO, free), Failure.SHAPE);
        boolean roundsUp = site.operation().hasAttribute("ceil_mode") && site.operation().intAttribute("ceil_mode") != 0;
        Scalar n = b.define(Index.add(Index.divide(roundsUp ? Index.add(free, Index.of(stride - 1)) : free, Index.of(stride)), Index.ONE));
        if (!roundsUp) {
            return n;
        }
        // A last place that begins behind the elements holds none.
        Scalar last = Index.multiply(Index.subtract(n, Index.ONE), Index.of(stride));
        Scalar empty = Index.and(Index.less(Index.ONE, n), Index.lessOrEqual(Index.add(d, Index.of(begin)), last));
        return b.define(Index.select(empty, Index.subtract(n, Index.ONE), n));
    }

    /** The padding before an axis, with that of auto_pad. */
    Scalar before(int axis) {
        if (!isSame()) {
            return Index.of(givenPad(axis, false));
        }
        Scalar reach = Index.add(Index.multiply(Index.subtract(places(axis), Index.ONE), Index.of(stride(axis))), Index.of(extent(axis)));
        Scalar total = site.builder().define(Index.maximum(Index.ZERO, Index.subtract(reach, dims.get(axis))));
        Scalar half = Index.divide(total, Index.of(2));
        return site.builder().define(padsMoreAtEnd() ? half : Index.subtract(total, half));
    }

    /** Where the kernel's elements at a place lie, and whether all of that is inside. */
    record Tap(List<Scalar> index, Scalar inside) {}

    /** @param before of each axis */
    Tap tap(List<Scalar> place, List<Scalar> taps, List<Scalar> before) {
        List<Scalar> index = new ArrayList<>();
        Scalar inside = Index.truth(true);
        for (int axis = 0; axis < kernel.size(); axis++) {
            Scalar at = Index.add(Index.subtract(Index.multiply(place.get(axis), Index.of(stride(axis))), before.get(axis)),
                    Index.multiply(taps.get(axis), Index.of(dilation(axis))));
            inside = Index.and(inside, Index.and(Index.lessOrEqual(Index.ZERO, at), Index.less(at, dims.get(axis))));
            index.add(Index.maximum(Index.ZERO, Index.minimum(at, Index.subtract(dims.get(axis), Index.ONE))));
        }
        return new Tap(index, inside);
    }

    List<Scalar> before() {
        List<Scalar> all = new ArrayList<>();
        for (int axis = 0; axis < kernel.size(); axis++) {
            all.add(before(axis));
        }
        return all;
    }
}
