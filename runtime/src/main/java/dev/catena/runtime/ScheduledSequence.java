package dev.catena.runtime;

import dev.catena.artifact.CatenaException;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.sampling.Sampler;
import java.nio.FloatBuffer;

/** A request as its scheduler's thread sees it: which tokens it has, how many of them were fed, and into which pages. */
final class ScheduledSequence {
    private final Request request;
    private final Manifest.Model model;
    private final EndTokens endTokens;
    private final int maxSequence;
    /** Null before it was admitted for the first time. */
    private PageTable pages;
    private Sampler sampler;
    /** Tokens that are known: the prompt and what was generated. */
    private int length;
    private int position;
    /** Positions whose logits the application has. */
    private int reported;
    /** What it has in the step that is being made: rows, and the place of their first selected one. */
    private int rows;
    private int selectedAt;
    private int endToken = -1;

    ScheduledSequence(Request request, Manifest.Model model, int maxSequence) {
        this.request = request;
        this.model = model;
        this.maxSequence = maxSequence;
        endTokens = new EndTokens(model, request.options());
        length = request.promptLength();
    }

    Request request() {
        return request;
    }

    /** Takes what it needs to be run, at the first time; it has no pages then. */
    void admit(PagePool pool) {
        if (pages != null) {
            return;
        }
        long most = Math.min(maxSequence + 1L, (long) length + request.options().maxTokens());
        request.makeRoom((int) Math.max(length, most));   // the last token is generated but needs no position
        pages = new PageTable(pool, PagePool.pagesFor(Math.min(maxSequence, most)));
        if (request.options().choice() == null) {
            sampler = new Sampler(request.options().sampling(), model.vocab());
        }
    }

    int[] ids() {
        return request.ids();
    }

    int length() {
        return length;
    }

    int position() {
        return position;
    }

    PageTable pages() {
        return pages;
    }

    /** Tokens to be fed before the next one can be chosen. */
    int pending() {
        return length - position;
    }

    int rows() {
        return rows;
    }

    void setRows(int count) {
        rows = count;
    }

    boolean wantsLogits() {
        return request.options().logits() != null;
    }

    /** Whether pages of other sequences may stand for tokens that it would feed. */
    boolean mayShare() {
        return !wantsLogits();
    }

    /** Goes on with pages that others have filled. @return positions that needn't be fed */
    int share(PrefixCache cache) {
        int before = position;
        if (mayShare() && position % PagePool.POSITIONS == 0 && pages.count() == position / PagePool.POSITIONS) {
            position = cache.share(pages, ids(), length, position);
        }
        return position - before;
    }

    /** Leaves the part of a page that it shares, which it would have to copy. @return whether there was one */
    boolean dropSharedPart() {
        int start = position / PagePool.POSITIONS * PagePool.POSITIONS;
        if (position == start || pages.pagesNeeded(position, position + 1) == 0) {
            return false;
        }
        pages.truncate(start);
        position = start;
        return true;
    }

    /** Pages that it still has to take for the tokens it has, and one for those to come. */
    int pagesWanted() {
        return PagePool.pagesFor(length) - pages.count() + 1;
    }

    /** Forgets what was fed and gives back the pages. */
    void dropPages() {
        if (pages != null) {
            pages.truncate(0);
        }
        position = 0;
        rows = 0;
    }

    void addTo(Step step) {
        step.add(ids(), position, rows, position, pages.ids(), pages.count());
        if (wantsLogits()) {
            selectedAt = step.selectAll();
        } else if (rows == pending()) {
            selectedAt = step.selectLast();
        }
    }

    /** After the step: pages that are full now can be shared. */
    void fed(PrefixCache cache) {
        int firstFull = position / PagePool.POSITIONS;
        position += rows;
        for (int page = firstFull; page < position / PagePool.POSITIONS; page++) {
            cache.add(pages, page, ids());
        }
    }

    /** The logits' place among the step's selected rows for its {@code row}-th row. */
    int selected(int row) {
        return wantsLogits() ? selectedAt + row : selectedAt;
    }

    /** Whether the application still waits for the logits of the step's {@code row}-th row; asked once, after {@link #fed}. */
    boolean reports(int row) {
        int at = position - rows + row;
        if (!wantsLogits() || at < reported) {
            return false;
        }
        reported = at + 1;
        return true;
    }

    /** Asks for the next token, where this step's last row gives one and a sampler chooses it; before {@link #fed}. */
    boolean wantToken(RowSampling sampling) {
        if (rows == 0 || rows < pending() || sampler == null || request.options().maxTokens() == 0) {
            return false;
        }
        sampling.want(selected(rows - 1), sampler.parameters(), ids(), length, length);
        return true;
    }

    /** Chooses the next token. @return why the sequence ends with it, or null */
    FinishReason next(FloatBuffer logits) {
        if (request.options().maxTokens() == 0) {
            return FinishReason.LENGTH;
        }
        TokenChoice choice = request.options().choice();
        return next(choice != null ? choice.choose(logits, ids(), length, length) : sampler.sample(logits, ids(), length, length));
    }

    /** Goes on with a token. @return why the sequence ends with it, or null */
    FinishReason next(int id) {
        if (id < 0 || id >= model.vocab()) {
            throw new CatenaException("token id " + id + " is not in the vocabulary (0 to " + (model.vocab() - 1) + ")");
        }
        FinishReason end = endTokens.reason(id);
        if (end != null) {
            endToken = id;
            return end;
        }
        request.generated(id);
        length++;
        return length - request.promptLength() == request.options().maxTokens() ? FinishReason.LENGTH
                : length > maxSequence ? FinishReason.CONTEXT_FULL : null;
    }

    /** The end-of-text or stop id that ended it, or −1. */
    int endToken() {
        return endToken;
    }
}
