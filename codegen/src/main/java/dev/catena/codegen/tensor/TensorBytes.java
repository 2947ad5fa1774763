package dev.catena.codegen.tensor;

import dev.catena.ir.ElementType;
import dev.catena.ir.HalfFloat;
import dev.catena.ir.NarrowFloat;
import dev.catena.ir.Tensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Tensors as they lie in memory: little-endian, types of less than 8 bits a byte for each element. */
public final class TensorBytes {
    /** As generated code counts. */
    private static final long MOST_BYTES = 1L << 50;

    private TensorBytes() {}

    /** Bytes of an element. */
    public static int width(ElementType element) {
        return Math.max(8, element.bits()) / 8;
    }

    /** The bytes of a tensor, or -1 where no memory holds as many. */
    public static long count(long[] dims, int width) {
        long bytes = width;
        for (long dim : dims) {
            if (dim < 0) {
                return -1;
            }
        }
        for (long dim : dims) {
            if (dim == 0) {
                return 0;
            }
        }
        for (long dim : dims) {
            if (dim > MOST_BYTES / bytes) {
                return -1;
            }
            bytes *= dim;
        }
        return bytes;
    }

    public static byte[] of(Tensor tensor) {
        ElementType element = tensor.element();
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(tensor.size(), width(element))).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < tensor.size(); i++) {
            switch (element) {
                case F64 -> bytes.putDouble(tensor.get(i));
                case F32 -> bytes.putFloat((float) tensor.get(i));
                case F16 -> bytes.putShort(HalfFloat.floatToF16((float) tensor.get(i)));
                case BF16 -> bytes.putShort(HalfFloat.floatToBf16((float) tensor.get(i)));
                case I64, U64 -> bytes.putLong(tensor.getLong(i));
                case I32, U32 -> bytes.putInt((int) tensor.getLong(i));
                case I16, U16 -> bytes.putShort((short) tensor.getLong(i));
                default -> bytes.put((byte) (element.isNarrowFloat() ? NarrowFloat.encode((float) tensor.get(i), element) : tensor.getLong(i)));
            }
        }
        return bytes.array();
    }

    public static Tensor read(ElementType element, long[] shape, ByteBuffer data) {
        Tensor tensor = new Tensor(element, shape);
        ByteBuffer bytes = data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < tensor.size(); i++) {
            switch (element) {
                case F64 -> tensor.set(i, bytes.getDouble());
                case F32 -> tensor.set(i, bytes.getFloat());
                case F16 -> tensor.set(i, HalfFloat.f16ToFloat(bytes.getShort()));
                case BF16 -> tensor.set(i, HalfFloat.bf16ToFloat(bytes.getShort()));
                case I64, U64 -> tensor.setLong(i, bytes.getLong());
                case I32, U32 -> tensor.setLong(i, bytes.getInt());
                case I16, U16 -> tensor.setLong(i, bytes.getShort());
                default -> {
                    if (element.isNarrowFloat()) {
                        tensor.set(i, NarrowFloat.decode(bytes.get() & 0xff, element));
                    } else {
                        tensor.setLong(i, bytes.get());
                    }
                }
            }
        }
        return tensor;
    }
}
