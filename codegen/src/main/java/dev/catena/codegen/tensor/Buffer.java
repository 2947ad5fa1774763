package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import dev.catena.ir.Tensor;
import java.util.List;

/**
 * A tensor in memory, row-major and without gaps. Types of less than 8 bits take a byte for each element.
 *
 * @param number unique in its program
 * @param dims   literals, or variables that are defined before the buffer is used
 * @param place  what it is
 */
public record Buffer(int number, ElementType element, List<Scalar> dims, Place place) {
    /** Where a buffer lies. */
    public sealed interface Place {}

    /** Given by the caller. */
    public record Input(int index) implements Place {}

    /** A weight of the artifact. */
    public record Weight(int index) implements Place {}

    /** Small enough to stand in the code. */
    public record Constant(Tensor value) implements Place {
        public int size() {
            return value.size();
        }

        public double real(int index) {
            return value.get(index);
        }

        public long integer(int index) {
            return value.getLong(index);
        }

        /** As it lies in memory. */
        public byte[] bytes() {
            return TensorBytes.of(value);
        }
    }

    /** Taken from the run's memory. */
    public record Allocated() implements Place {}

    /** Another buffer's memory under other dimensions. */
    public record Alias(Buffer of) implements Place {}

    public Buffer {
        dims = List.copyOf(dims);
    }

    /** The element type, for targets. */
    public StoredType stored() {
        return StoredType.of(element);
    }

    public Scalar elements() {
        return Index.product(dims);
    }

    /** The buffer whose memory this is. */
    public Buffer owner() {
        return place instanceof Alias alias ? alias.of().owner() : this;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Buffer buffer && buffer.number == number;
    }

    @Override
    public int hashCode() {
        return number;
    }

    @Override
    public String toString() {
        return "b" + number;
    }
}
