package dev.catena.codegen.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import java.util.Properties;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TunedKernelsTest {
    /** A card's own table, else that of its architecture; another architecture's never. */
    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {"sm_90, NVIDIA H100 80GB HBM3, h100", "sm_90, NVIDIA H100 PCIe, h200", "sm_90, -, h200", "sm_86, NVIDIA H100 80GB HBM3, -",
        "sm_89, NVIDIA GeForce RTX 4090, rtx-4090", "sm_89, -, -"})
    void aCardTakesItsOwnTable(String target, String card, String table) {
        Properties index = new Properties();
        index.setProperty("sm_90", "h200");
        index.setProperty("sm_90.NVIDIA_H100_80GB_HBM3", "h100");
        index.setProperty("sm_89.NVIDIA_GeForce_RTX_4090", "rtx-4090");
        assertEquals(Optional.ofNullable(table), TunedKernels.tableOf(index, CudaTarget.parse(target), Optional.ofNullable(card)));
    }
}
