package dev.catena.codegen.cuda;

import dev.catena.codegen.MatrixType;
import java.util.EnumMap;
import java.util.Map;

/**
 * What the simulator counts of a block of linear_few_tokens.cuh, in a multiprocessor's clocks where 64 lanes do whole numbers and logic: of
 * blocks with 4096 and, of 4 bits, 11008 columns, without a norm. {@code FewRowClocksTest} counts some again. By the rows that a step has:
 * 1, up to 4, up to 8, up to 16.
 *
 * @param ofTurn       by how a weight is stored: for the instructions of 128 columns (with f16 for its passes through shared memory)
 * @param besideTurns  for what comes before these and after them, in all blocks of the same outputs
 * @param ofFourWarps  likewise, where four warps have all columns
 * @param ofOneMore    what of that one more block adds: up to 8 rows splits have as many warps together as a block that has all columns
 */
record FewRowClocks(Map<MatrixType.Element, double[]> ofTurn, double[] besideTurns, double[] ofFourWarps, double[] ofOneMore) {
    private static final FewRowClocks ONE_HALF = new FewRowClocks(
            turns(rows(82, 91, 105, 140), rows(90, 99, 110, 150), rows(122, 131, 145, 200), rows(82, 91, 103, 138), rows(124, 129, 131, 190)),
            rows(1080, 1130, 1380, 570), rows(620, 670, 870, 570), rows(0, 0, 0, 150));
    private static final FewRowClocks TWO_HALVES = new FewRowClocks(
            turns(rows(88, 107, 127, 208), rows(96, 115, 163, 208), rows(129, 147, 209, 266), rows(88, 107, 176, 217), rows(128, 136, 191, 253)),
            rows(1090, 1220, 1000, 660), rows(580, 710, 710, 660), rows(0, 0, 100, 390));

    /** @param parts halves that an element of x becomes, one or two */
    static FewRowClocks of(int parts) {
        return parts == 1 ? ONE_HALF : TWO_HALVES;
    }

    double ofTurn(MatrixType.Element element, int rows) {
        return ofTurn.get(element)[place(rows)];
    }

    /** Of all blocks of the same outputs together. */
    double besideTurns(LinearConfiguration made, int rows) {
        double[] ofOne = made.splits() == 1 && made.warps() == 4 ? ofFourWarps : besideTurns;
        return ofOne[place(rows)] + (made.splits() - 1) * ofOneMore[place(rows)];
    }

    private static int place(int rows) {
        return rows == 1 ? 0 : rows <= 4 ? 1 : rows <= 8 ? 2 : 3;
    }

    private static Map<MatrixType.Element, double[]> turns(double[] u4, double[] u8, double[] u3, double[] u2, double[] f16) {
        return new EnumMap<>(Map.of(MatrixType.Element.U4, u4, MatrixType.Element.U8, u8, MatrixType.Element.U3, u3, MatrixType.Element.U2, u2,
                MatrixType.Element.F16, f16));
    }

    private static double[] rows(double one, double four, double eight, double sixteen) {
        return new double[] {one, four, eight, sixteen};
    }
}
