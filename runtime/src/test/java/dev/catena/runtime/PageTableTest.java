package dev.catena.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PageTableTest {
    /** Sequences of random appends, truncations and forks, against plain lists; pages are played by an array. */
    @Test
    void sequencesNeverDisturbEachOther() {
        Random random = new Random(1);
        for (int round = 0; round < 200; round++) {
            int pageCount = 2 + random.nextInt(40);
            PagePool pool = new PagePool(pageCount);
            int[][] memory = new int[pageCount][PagePool.POSITIONS];
            List<PageTable> tables = new ArrayList<>(List.of(new PageTable(pool)));
            List<List<Integer>> expected = new ArrayList<>(List.of(new ArrayList<>()));
            for (int action = 0; action < 200; action++) {
                int i = random.nextInt(tables.size());
                PageTable table = tables.get(i);
                List<Integer> values = expected.get(i);
                switch (random.nextInt(4)) {
                    case 0 -> {
                        tables.add(table.fork());
                        expected.add(new ArrayList<>(values));
                    }
                    case 1 -> {
                        int length = random.nextInt(values.size() + 1);
                        table.truncate(length);
                        values.subList(length, values.size()).clear();
                    }
                    default -> append(table, values, random, memory);
                }
                for (int each = 0; each < tables.size(); each++) {
                    check(tables.get(each), expected.get(each), memory);
                }
            }
            tables.forEach(table -> table.truncate(0));
            assertEquals(pageCount - 1, pool.available());
        }
    }

    private static void append(PageTable table, List<Integer> values, Random random, int[][] memory) {
        int from = values.size();
        int to = from + 1 + random.nextInt(150);
        int[] idsBefore = Arrays.copyOf(table.ids(), table.count());
        if (!table.prepareWrite(from, to, (source, target) -> memory[target] = memory[source].clone())) {
            assertArrayEquals(idsBefore, Arrays.copyOf(table.ids(), table.count()));
            return;
        }
        for (int position = from; position < to; position++) {
            int value = random.nextInt();
            memory[table.ids()[position / PagePool.POSITIONS]][position % PagePool.POSITIONS] = value;
            values.add(value);
        }
    }

    private static void check(PageTable table, List<Integer> values, int[][] memory) {
        for (int position = 0; position < values.size(); position++) {
            int page = table.ids()[position / PagePool.POSITIONS];
            assertTrue(page > 0, "page 0 is nobody's");
            assertEquals(values.get(position), memory[page][position % PagePool.POSITIONS]);
        }
    }

    @Test
    void poolsGiveEachPageOnce() {
        PagePool pool = new PagePool(4);
        assertArrayEquals(new int[] {1, 2, 3}, new int[] {pool.take(), pool.take(), pool.take()});
        assertEquals(0, pool.available());
        pool.share(2);
        pool.release(2);
        assertFalse(pool.isShared(2));
        assertEquals(0, pool.available());
        pool.release(2);
        assertEquals(2, pool.take());
    }
}
