package dev.catena.runtime.sampling;

import java.nio.FloatBuffer;
import java.util.Objects;

/**
 * Chooses a token from logits. Each step follows its processor in Hugging Face transformers
 * ({@code generation/logits_process.py}), in that library's order:
 * <ol>
 * <li>repeat penalty ({@code RepetitionPenaltyLogitsProcessor}; Keskar et al., "CTRL", 2019): the logit of every token of
 *     the history is divided by the penalty if positive, multiplied if negative; once, however often the token occurred;
 * <li>temperature: logits are divided by it;
 * <li>top-k ({@code TopKLogitsWarper}): what is smaller than the k-th largest logit goes; ties with the k-th stay;
 * <li>top-p ({@code TopPLogitsWarper}; Holtzman et al., 2020): in falling order, a token stays while the tokens before it
 *     have less than {@code topP} of the probability together; the first always stays. Among equal logits the lower id
 *     comes first (there it is left open);
 * <li>min-p ({@code MinPLogitsWarper}; Nguyen et al., 2024): what is less likely than {@code minP} times the likeliest
 *     goes.
 * </ol>
 * Then one number u is drawn from {@link Philox} (key = seed, counter = position), and the answer is the first token, by
 * rising id, at which the cumulated probability of what is left exceeds u. Probabilities are computed in double.
 *
 * <p>After construction nothing is allocated. Not thread-safe: one sampler for each session.
 */
public final class Sampler {
    private final SamplingParameters parameters;
    /** Logits of this step after the repeat penalty, by id. */
    private final float[] scores;
    /** Bit per id; all clear between calls. */
    private final long[] penalized;
    private final int[] random = new int[4];
    private final LargestValues topK;
    private final LikeliestFirst likeliestFirst;
    /** What the filters have left, by rising id, and the weight of each: its probability over the likeliest's. */
    private final int[] kept;
    private final double[] weights;
    private int keptCount;

    /**
     * @param vocabulary logits per position, at least 1
     * @throws IllegalArgumentException if {@code vocabulary} is below 1
     */
    public Sampler(SamplingParameters parameters, int vocabulary) {
        if (vocabulary < 1) {
            throw new IllegalArgumentException("vocabulary must be 1 or more, not " + vocabulary);
        }
        this.parameters = Objects.requireNonNull(parameters);
        scores = new float[vocabulary];
        penalized = new long[(vocabulary + 63) / 64];
        if (parameters.isGreedy()) {
            kept = null;
            weights = null;
            topK = null;
            likeliestFirst = null;
        } else {
            kept = new int[vocabulary];
            weights = new double[vocabulary];
            topK = parameters.topK() == 0 || parameters.topK() >= vocabulary ? null : new LargestValues(parameters.topK());
            likeliestFirst = parameters.topP() == 1 ? null : new LikeliestFirst(scores);
        }
    }

    public SamplingParameters parameters() {
        return parameters;
    }

    /**
     * Chooses the token that follows.
     *
     * @param logits        float32 [vocabulary], from the buffer's position on; neither they nor the position are changed
     * @param history       ids that the repeat penalty applies to: all that was fed and generated so far, in any order
     * @param historyLength how many of {@code history} count
     * @param position      the position in the sequence that the chosen token will have: the random number's counter
     * @return with temperature 0 the lowest id that has the largest logit, else a drawn id
     * @throws BadLogitsException       if a logit is NaN or +infinity, or all are −infinity
     * @throws IllegalArgumentException if {@code logits} holds fewer than {@code vocabulary} values or {@code history} an id
     *                                  outside of it
     */
    public int sample(FloatBuffer logits, int[] history, int historyLength, int position) {
        if (logits.remaining() < scores.length) {
            throw new IllegalArgumentException("expected " + scores.length + " logits, got " + logits.remaining());
        }
        Objects.checkFromIndexSize(0, historyLength, history.length);
        logits.get(logits.position(), scores);
        int likeliest = likeliest();
        if (likeliest < 0 || Float.isInfinite(scores[likeliest])) {
            throw badLogits(position);
        }
        if (parameters.repeatPenalty() != 1) {
            penalizeRepeats(history, historyLength);
            likeliest = likeliest();
        }
        if (parameters.isGreedy()) {
            return likeliest;
        }
        keepTopK();
        weigh(scores[likeliest]);
        if (likeliestFirst != null) {
            keepTopP();
        }
        if (parameters.minP() > 0) {
            keepMinP();
        }
        return draw(position);
    }

    private BadLogitsException badLogits(int position) {
        for (int id = 0; id < scores.length; id++) {
            if (!(scores[id] < Float.POSITIVE_INFINITY)) {
                return new BadLogitsException("the logit of token " + id + " for position " + position + " is " + scores[id]);
            }
        }
        return new BadLogitsException("the logits of all tokens for position " + position + " are -Infinity");
    }

    private void penalizeRepeats(int[] history, int historyLength) {
        float penalty = (float) parameters.repeatPenalty();
        for (int i = 0; i < historyLength; i++) {
            int id = history[i];
            if (id < 0 || id >= scores.length) {
                clearPenalized(history, i);
                throw new IllegalArgumentException("token " + id + " of the history is outside of the vocabulary of " + scores.length);
            }
            long bit = 1L << id;
            if ((penalized[id >> 6] & bit) == 0) {
                penalized[id >> 6] |= bit;
                scores[id] = penalize(scores[id], penalty);
            }
        }
        clearPenalized(history, historyLength);
    }

    private static float penalize(float score, float penalty) {
        float changed = score < 0 ? score * penalty : score / penalty;
        // A penalty far from 1 may overflow. A finite logit stays finite, and an impossible token stays impossible.
        return Float.isInfinite(score) ? score : Math.max(-Float.MAX_VALUE, Math.min(Float.MAX_VALUE, changed));
    }

    private void clearPenalized(int[] history, int count) {
        for (int i = 0; i < count; i++) {
            penalized[history[i] >> 6] = 0;
        }
    }

    /** The lowest id that has the largest score, or −1 where a score is NaN. A single pass: all sequences of a step wait for it. */
    private int likeliest() {
        int best = 0;
        float largest = scores[0];
        for (int id = 0; id < scores.length; id++) {
            float score = scores[id];
            if (score > largest) {
                largest = score;
                best = id;
            } else if (!(score <= largest)) {
                return -1;
            }
        }
        return best;
    }

    private void keepTopK() {
        float threshold = topK == null ? Float.NEGATIVE_INFINITY : topK.kthLargest(scores);
        keptCount = 0;
        for (int id = 0; id < scores.length; id++) {
            if (scores[id] >= threshold && scores[id] > Float.NEGATIVE_INFINITY) {
                kept[keptCount++] = id;
            }
        }
    }

    /** Temperature and softmax, relative to the likeliest token so that neither a tiny nor a huge temperature overflows. */
    private void weigh(float largest) {
        for (int i = 0; i < keptCount; i++) {
            weights[i] = Math.exp(((double) scores[kept[i]] - largest) / parameters.temperature());
        }
    }

    private void keepTopP() {
        double wanted = parameters.topP() * totalWeight();
        likeliestFirst.fill(kept, keptCount);
        int last = likeliestFirst.take();
        float largest = scores[last];
        double cumulated = 1;
        while (cumulated < wanted && !likeliestFirst.isEmpty()) {
            last = likeliestFirst.take();
            cumulated += Math.exp(((double) scores[last] - largest) / parameters.temperature());
        }
        int left = 0;
        for (int i = 0; i < keptCount; i++) {
            if (kept[i] == last || likeliestFirst.before(kept[i], last)) {
                keep(i, left++);
            }
        }
        keptCount = left;
    }

    private void keepMinP() {
        int left = 0;
        for (int i = 0; i < keptCount; i++) {
            // The likeliest token has weight 1, whatever was filtered before.
            if (weights[i] >= parameters.minP()) {
                keep(i, left++);
            }
        }
        keptCount = left;
    }

    private void keep(int from, int to) {
        kept[to] = kept[from];
        weights[to] = weights[from];
    }

    private double totalWeight() {
        double total = 0;
        for (int i = 0; i < keptCount; i++) {
            total += weights[i];
        }
        return total;
    }

    private int draw(int position) {
        double target = Philox.uniform(parameters.seed(), position, random) * totalWeight();
        int drawn = -1;
        double cumulated = 0;
        for (int i = 0; i < keptCount; i++) {
            if (weights[i] > 0) {
                drawn = kept[i];
                cumulated += weights[i];
                if (target < cumulated) {
                    break;
                }
            }
        }
        // Where rounding made target equal to the sum, the last token that has a weight.
        return drawn;
    }
}
