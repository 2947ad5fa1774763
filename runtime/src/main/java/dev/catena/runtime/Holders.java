package dev.catena.runtime;

/** How many hold something that goes with the last of them. Thread-safe. */
public final class Holders {
    private int count = 1;

    /** One more. @throws IllegalStateException if the last has gone */
    public synchronized void add() {
        if (count == 0) {
            throw new IllegalStateException("the model was closed");
        }
        count++;
    }

    /** One fewer. @return whether that was the last, and so what they hold is to go; once all have gone, false */
    public synchronized boolean remove() {
        return count > 0 && --count == 0;
    }
}
