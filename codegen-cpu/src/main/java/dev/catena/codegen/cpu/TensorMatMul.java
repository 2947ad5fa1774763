package dev.catena.codegen.cpu;

import dev.catena.codegen.tensor.Statement;
import dev.catena.codegen.tensor.StoredType;
import dev.catena.codegen.tensor.c.CElement;
import dev.catena.codegen.tensor.c.CScalars;
import java.util.Map;

/**
 * A kernel for matrix products of given element types.
 *
 * @param width columns of a tile
 */
record TensorMatMul(String name, String source, int width) {
    /** Rows of a tile: those that share a packed panel. */
    static final int ROW_BLOCK = 48;

    private static final int ROWS = 6;

    static TensorMatMul of(Statement.MatMul product, CpuTarget target) {
        return isOfCodes(product) ? ofCodes(product, target) : ofElements(product, target);
    }

    private static boolean isOfCodes(Statement.MatMul product) {
        return isByte(product.a().stored()) && isByte(product.b().stored()) && product.c().stored() == StoredType.I32;
    }

    private static boolean isByte(StoredType type) {
        return type == StoredType.U8 || type == StoredType.I8;
    }

    /** Codes of 8 bits, summed in 32: by fours where the target has an instruction for it (it takes a as unsigned), else by twos. */
    private static TensorMatMul ofCodes(Statement.MatMul product, CpuTarget target) {
        String name = "mat_mul_" + product.a().stored().keyword() + "_" + product.b().stored().keyword() + "_i32";
        String b = CElement.of(product.b().stored()).storage();
        boolean shifted = product.b().stored() == StoredType.U8;
        if (target.has("avx512vnni") && product.a().stored() == StoredType.U8) {
            return new TensorMatMul(name, CTemplate.fill(Map.of("name", name, "b", b, "row_block", ROW_BLOCK, "shift", shifted ? 128 : 0,
                    "signed_note", shifted ? ", 128 less than they are" : ""), "tensor_matmul_vnni.c"), 64);
        }
        int bytes = target.lanes() * 4;
        return new TensorMatMul(name, CTemplate.fill(Map.of("name", name, "a", CElement.of(product.a().stored()).storage(), "b", b,
                "row_block", ROW_BLOCK, "vector_bytes", bytes, "multiply_add", "__builtin_ia32_pmaddwd" + bytes * 8), "tensor_matmul_codes.c"),
                target.lanes() * 2);
    }

    private static TensorMatMul ofElements(Statement.MatMul product, CpuTarget target) {
        CElement a = CElement.of(product.a().stored());
        CElement b = CElement.of(product.b().stored());
        CElement c = CElement.of(product.c().stored());
        String sum = CScalars.type(product.sum());
        int lanes = target.lanes() * 32 / product.sum().bits();
        int vectors = target.lanes() == 16 ? 4 : 2;
        String name = "mat_mul_" + product.a().stored().keyword() + "_" + product.b().stored().keyword() + "_"
                + product.c().stored().keyword();
        String source = CTemplate.fill(Map.ofEntries(Map.entry("name", name), Map.entry("a", a.storage()), Map.entry("b", b.storage()),
                Map.entry("c", c.storage()), Map.entry("sum", sum), Map.entry("vector_bytes", target.lanes() * 4),
                Map.entry("vectors", vectors), Map.entry("rows", ROWS), Map.entry("width", vectors * lanes),
                Map.entry("row_block", ROW_BLOCK), Map.entry("as_it_lies", b.storage().equals(sum) ? 1 : 0), Map.entry("depth", 128), Map.entry("load_b", "(" + sum + ")" + b.load("x")),
                Map.entry("load_a", "(" + sum + ")" + a.load("x")),
                Map.entry("multiply_add", product.sum().isFloat() ? "__builtin_elementwise_fma(left, right[v], sum[i][v])"
                        : "sum[i][v] + left * right[v]"),
                Map.entry("store", c.store("x"))), "tensor_matmul.c");
        return new TensorMatMul(name, source, vectors * lanes);
    }
}
