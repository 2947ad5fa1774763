package dev.catena.sim.arithmetic;

/** Rounding modes, and sums that can be rounded once more without harm. */
public enum Rounding {
    /** To the nearest, ties to even. */
    NEAREST,
    /** Towards zero. */
    ZERO,
    /** Towards minus infinity. */
    DOWN,
    /** Towards plus infinity. */
    UP,
    /** To the nearest, ties away from zero. */
    NEAREST_AWAY;

    /**
     * a + b in double, rounded to odd: rounding it again to a type of at most 51 bits gives what rounding the exact sum
     * once would (Boldo and Melquiond 2008).
     */
    public static double sumToOdd(double a, double b) {
        double sum = a + b;
        if (Double.isNaN(sum) || Double.isInfinite(sum)) {
            return sum;
        }
        double bPart = sum - a;
        double error = (a - (sum - bPart)) + (b - bPart);    // exact (Knuth's two-sum)
        if (error == 0 || (Double.doubleToRawLongBits(sum) & 1) != 0) {
            return sum;
        }
        return error > 0 == sum > 0 ? away(sum) : toward(sum);
    }

    private static double away(double x) {
        return Double.longBitsToDouble(Double.doubleToRawLongBits(x) + 1);
    }

    private static double toward(double x) {
        return Double.longBitsToDouble(Double.doubleToRawLongBits(x) - 1);
    }

    /** A double (exact, or rounded to odd) as f32. */
    public float toFloat(double x) {
        float nearest = (float) x;
        if (this == NEAREST || Double.isNaN(x) || Double.isInfinite(x) || nearest == x) {
            return nearest;
        }
        boolean up = switch (this) {
            case UP -> true;
            case DOWN -> false;
            case ZERO -> x < 0;
            default -> throw new IllegalStateException(this + " has no f32 form");
        };
        if (up) {
            return nearest < x ? Math.nextUp(nearest) : nearest;
        }
        return nearest > x ? Math.nextDown(nearest) : nearest;
    }

    /** To an integer, as a double. */
    public double toInteger(double x) {
        return switch (this) {
            case NEAREST -> Math.rint(x);
            case ZERO -> x < 0 ? Math.ceil(x) : Math.floor(x);
            case DOWN -> Math.floor(x);
            case UP -> Math.ceil(x);
            case NEAREST_AWAY -> x < 0 ? -Math.floor(-x + 0.5) : Math.floor(x + 0.5);
        };
    }

    /** The mode that a PTX modifier names ({@code rn}, {@code rzi}, …), or null. */
    public static Rounding of(String modifier) {
        return switch (modifier) {
            case "rn", "rni" -> NEAREST;
            case "rz", "rzi" -> ZERO;
            case "rm", "rmi" -> DOWN;
            case "rp", "rpi" -> UP;
            case "rna" -> NEAREST_AWAY;
            default -> null;
        };
    }
}
