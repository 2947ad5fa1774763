package dev.catena.codegen.tensor;

import java.util.List;

/** How one operation becomes loops: of its operands' arrays, its results'. One for each declaration that has code. */
@FunctionalInterface
public interface OperationCode {
    List<Array> of(OperationSite site);
}
