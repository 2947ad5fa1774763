package dev.catena.runtime.sampling;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** The processors of Hugging Face transformers written down plainly: full sorts, one array of probabilities per step. */
final class PlainSampler {
    private PlainSampler() {
    }

    /** The probability of each token after all filters. */
    static double[] probabilities(float[] logits, SamplingParameters p, int... history) {
        double[] scores = new double[logits.length];
        Set<Integer> seen = new HashSet<>();
        Arrays.stream(history).forEach(seen::add);
        for (int i = 0; i < logits.length; i++) {
            float penalty = (float) p.repeatPenalty();
            float score = !seen.contains(i) ? logits[i] : logits[i] < 0 ? logits[i] * penalty : logits[i] / penalty;
            scores[i] = score;
        }
        double max = Arrays.stream(scores).max().orElseThrow();
        for (int i = 0; i < scores.length; i++) {
            scores[i] = (scores[i] - max) / p.temperature();
        }
        if (p.topK() > 0) {
            double[] sorted = scores.clone();
            Arrays.sort(sorted);
            double kth = sorted[sorted.length - Math.min(p.topK(), sorted.length)];
            remove(scores, i -> scores[i] < kth);
        }
        if (p.topP() < 1) {
            double[] probabilities = softmax(scores);
            List<Integer> falling = IntStream.range(0, scores.length).boxed()
                    .sorted(Comparator.comparingDouble((Integer i) -> -scores[i]).thenComparing(i -> i)).toList();
            double before = 0;
            for (int rank = 0; rank < falling.size(); rank++) {
                int id = falling.get(rank);
                if (rank > 0 && before >= p.topP()) {
                    scores[id] = Double.NEGATIVE_INFINITY;
                }
                before += probabilities[id];
            }
        }
        if (p.minP() > 0) {
            double[] probabilities = softmax(scores);
            double likeliest = Arrays.stream(probabilities).max().orElseThrow();
            remove(scores, i -> probabilities[i] < p.minP() * likeliest);
        }
        return softmax(scores);
    }

    private static void remove(double[] scores, java.util.function.IntPredicate which) {
        int[] removed = IntStream.range(0, scores.length).filter(which).toArray();
        for (int i : removed) {
            scores[i] = Double.NEGATIVE_INFINITY;
        }
    }

    private static double[] softmax(double[] scores) {
        double[] e = Arrays.stream(scores).map(Math::exp).toArray();
        double sum = Arrays.stream(e).sum();
        return Arrays.stream(e).map(x -> x / sum).toArray();
    }
}
