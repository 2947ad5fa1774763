package dev.catena.runtime;

import dev.catena.artifact.ArtifactException;
import dev.catena.artifact.ArtifactReader;
import dev.catena.artifact.Manifest;
import dev.catena.runtime.cpu.CpuTopology;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A compiled model, open: its weights mapped, its code loaded.
 *
 * <pre>{@code
 * try (CatenaModel model = CatenaModel.open(Path.of("tale.catena"));
 *         Session session = model.newSession(SessionOptions.defaults())) {
 *     session.feed(1, 42, 7);
 *     Generation tokens = session.generate(GenerationOptions.greedy().withMaxTokens(64));
 *     while (tokens.hasNext()) {
 *         System.out.println(tokens.nextInt());
 *     }
 *     System.out.println(tokens.finishReason());
 * }
 * }</pre>
 *
 * <p><b>Threads.</b> All methods may be called by any thread at any time. Any number of models and sessions can be open;
 * sessions run side by side, each on threads of its own. A model may be closed before its sessions: they go on, and the
 * memory is given back with the last of them.
 *
 * <p><b>Trust.</b> An artifact holds machine code, which runs with this process's rights: open files only from who you
 * would run a program from. The file must not be changed in place while it is open (replacing it is fine).
 */
public final class CatenaModel implements AutoCloseable {
    private final ArtifactReader reader;
    /** By kind of device, as they were first needed. */
    private final Map<String, DeviceModel> loaded = new HashMap<>();
    private boolean closed;

    private CatenaModel(ArtifactReader reader) {
        this.reader = reader;
    }

    /**
     * Opens an artifact and checks it: all of it at the first time, later all but the weights.
     *
     * @throws dev.catena.artifact.ArtifactException when the file is missing, truncated, altered, foreign or newer
     * @throws UnsupportedPlatformException          when this machine can't run any of its targets
     */
    public static CatenaModel open(Path file) {
        ArtifactReader reader = ArtifactReader.open(file);
        try {
            if (reader.isGraph()) {
                throw new ArtifactException(file, "is a graph of tensors, not a language model; use 'catena exec'");
            }
            CatenaModel model = new CatenaModel(reader);
            model.load(Devices.defaultProvider(reader.manifest()).kind() + ":0");
            return model;
        } catch (RuntimeException e) {
            reader.close();
            throw e;
        }
    }

    /** What the compiler wrote about the model. */
    public Manifest manifest() {
        return reader.manifest();
    }

    /** @param device that wants it, for messages */
    private DeviceModel load(String device) {
        DeviceProvider provider = Devices.provider(device);
        return loaded.computeIfAbsent(provider.kind(), kind -> provider.load(reader, device));
    }

    /**
     * The targets whose code these devices run, such as {@code cpu:x86-64-v4}.
     *
     * @throws DeviceException              for an unknown device
     * @throws UnsupportedPlatformException when there is no code for one of them
     */
    public synchronized String target(List<String> devices) {
        checkOpen();
        return devices.stream().map(Devices::canonical).map(device -> load(device).target(device).name())
                .distinct().collect(Collectors.joining(", "));
    }

    /** What a user should know of how these devices run the model, a line each. @throws DeviceException for an unknown device */
    public synchronized List<String> notes(List<String> devices) {
        checkOpen();
        Stream<String> ofWeights = manifest().hasSampledWeights()
                ? Stream.of(reader.path() + ": its weights are random numbers in a model's shape: it can be measured, what it says means nothing")
                : Stream.empty();
        return Stream.concat(devices.stream().map(Devices::canonical).map(device -> load(device).note(device)), ofWeights)
                .filter(Objects::nonNull).distinct().toList();
    }

    /** The bytes of {@code tokenizer.json}, if the artifact has one. */
    public synchronized Optional<byte[]> tokenizerJson() {
        checkOpen();
        return reader.contains("tokenizer.json") ? Optional.of(reader.bytes("tokenizer.json")) : Optional.empty();
    }

    /**
     * Starts an empty sequence, with memory and threads of its own.
     *
     * @throws DeviceException      for an unknown device, or when there isn't enough memory
     * @throws ContextFullException when a longer sequence is asked for than the model has positions
     */
    public Session newSession(SessionOptions options) {
        int maxSequence = maxSequence(options);
        int positions = options.kvCapacity() == 0 ? maxSequence : options.kvCapacity();
        return new Session(manifest(), chain(options, maxSequence, positions, 1), maxSequence);
    }

    /**
     * Starts a scheduler, which serves many sequences at once, with memory and threads of its own.
     *
     * @throws DeviceException      for an unknown device, or when there isn't enough memory
     * @throws ContextFullException when longer sequences are asked for than the model has positions
     */
    public Scheduler newScheduler(SchedulerOptions options) {
        int maxSequence = maxSequence(options.session());
        int rows = manifest().memory().maxRows();
        int sequences = Math.min(options.maxSequences(), rows);
        int positions = options.session().kvCapacity() != 0 ? options.session().kvCapacity()
                : (int) Math.min(Integer.MAX_VALUE / 2, (long) maxSequence * Math.min(sequences, SchedulerOptions.DEFAULT_FULL_SEQUENCES));
        return new Scheduler(manifest(), chain(options.session(), maxSequence, positions, sequences), options, maxSequence);
    }

    /**
     * Measures what each stage takes for a decode step on each of these devices, for {@link SessionOptions#withStageCosts}: seconds, or
     * instructions on a simulated device.
     *
     * @return of each device, in their order, what each stage takes
     * @throws DeviceException for an unknown device, or when not even some stages fit it
     */
    public List<List<Double>> stageCosts(SessionOptions options) {
        Map<String, List<Double>> measured = new HashMap<>();
        List<String> names = options.devices().stream().map(Devices::canonical).toList();
        int threads = Math.max(1, (options.threads() == 0 ? CpuTopology.physicalCores() : options.threads()) / (int) names.stream().distinct().count());
        return names.stream().map(name -> measured.computeIfAbsent(name, device -> stageCosts(device, threads, options.deviceMemory()))).toList();
    }

    /** The names of the stages that each device gets; with more devices than stages, the last ones are missing. */
    public List<List<String>> placedStages(SessionOptions options) {
        return Placement.of(manifest().stages(), options).stream().map(stages -> stages.stream().map(Manifest.Stage::name).toList()).toList();
    }

    private List<Double> stageCosts(String name, int threads, long memoryLimit) {
        DeviceModel model;
        synchronized (this) {
            checkOpen();
            model = load(name).retain();
        }
        try (DeviceModel held = model; Device device = held.open(name, threads)) {
            return new StageTiming(manifest(), held.target(name), device, memoryLimit).costs();
        }
    }

    /**
     * What was measured of decode steps.
     *
     * @param stepSeconds of each repetition
     * @param launches    kernel by kernel, where that was asked for and the device can
     */
    public record DecodeTimes(double[] stepSeconds, List<LaunchCost> launches) {}

    /**
     * Measures decode steps of {@code sequences} sequences that each have {@code context} positions before the first step.
     *
     * @param byLaunch whether each kernel is measured by itself, too
     * @throws DeviceException      when there isn't enough memory: the message has the bytes
     * @throws ContextFullException when the model has fewer positions
     */
    public DecodeTimes decodeTimes(SessionOptions options, int sequences, int context, int steps, int repetitions, boolean byLaunch) {
        int rows = manifest().memory().maxRows();
        if (sequences > rows) {
            throw new DeviceException(sequences + " sequences: the model's steps have at most " + rows + " rows");
        }
        int positions = context + DecodeTiming.stepsIn(steps);
        maxSequence(options.withMaxSequenceLength(positions));
        long capacity = (long) PagePool.pagesFor(positions) * PagePool.POSITIONS * sequences;
        StageChain chain = chain(options, positions, (int) Math.min(Integer.MAX_VALUE / 2, capacity), sequences);
        try {
            double[] seconds = new DecodeTiming(chain, manifest().model().vocab(), sequences, context, positions).run(steps, repetitions);
            return new DecodeTimes(Arrays.stream(seconds).map(all -> all / steps).toArray(), byLaunch ? chain.launchCosts() : List.of());
        } finally {
            chain.release();
        }
    }

    private int maxSequence(SessionOptions options) {
        int most = manifest().model().maxSeqLen();
        int maxSequence = options.maxSequenceLength() == 0 ? most : options.maxSequenceLength();
        if (maxSequence > most) {
            throw new ContextFullException("a sequence of " + maxSequence + " positions was asked for, the model has " + most);
        }
        return maxSequence;
    }

    private StageChain chain(SessionOptions options, int maxSequence, int positions, int sequences) {
        Map<String, DeviceModel> held = new HashMap<>();
        try {
            synchronized (this) {
                checkOpen();
                for (String device : options.devices()) {
                    String canonical = Devices.canonical(device);
                    if (!held.containsKey(Devices.kind(canonical))) {
                        held.put(Devices.kind(canonical), load(canonical).retain());
                    }
                }
            }
            return new StageChain(manifest(), held::get, options, maxSequence, positions, sequences);
        } finally {
            held.values().forEach(DeviceModel::close);   // the devices hold it by now
        }
    }

    /** No new sessions after this; what is open goes on. A second call does nothing. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            loaded.values().forEach(DeviceModel::close);
            reader.close();
        }
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the model was closed");
        }
    }
}
