#!/usr/bin/env python3
"""Catena beside llama.cpp on this machine's CPU: both sides' processes stay open and are measured in turn.

    compare.py --cache DIR --repo DIR [--force] [--quick] [--only WORD] [--onnx DIR --gguf FILE] [--doc FILE]

Each side answers one line to each line it is asked (peer.c, CatenaSide.java): `prefill N`, `decode N`, `threads N`, `resident 0`.
Figures are medians of REPEATS; `others` is what other processes used of the machine meanwhile, in cores. Behind the speed of one
sequence come that of several together, decoding while other processes spin, and the way from the model to 4 bits.
"""
import argparse, contextlib, datetime, glob, json, os, shutil, statistics, subprocess, sys, time

REPEATS = 5
TICK = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count()
THREADS = 2  # of the tables, as in what is asked; the one beside spinning processes takes all cores
IDLE = 0.06  # cores that other processes may use, for a figure that is worth writing down

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--cache", required=True)
parser.add_argument("--repo", required=True)
parser.add_argument("--force", action="store_true", help="measure on a busy machine too; the table says how busy")
parser.add_argument("--quick", action="store_true", help="three repetitions, and one thread for W4 alone")
parser.add_argument("--onnx", help="folder of the model's pieces: compiling it is timed beside the peer's way to 4 bits")
parser.add_argument("--gguf", help="the program that writes the model as GGUF, for that")
parser.add_argument("--gguf-shape", default="--preset tinyllama1.1B", help="its options that say the model's shape")
parser.add_argument("--only", default="", help="only the groups whose name contains this; batch, spinning and compile are groups, too")
parser.add_argument("--doc", help="write the tables between the markers of this file, unless some were left out")
options = parser.parse_args()
repeats = 3 if options.quick else REPEATS
peer_libraries = f"{options.cache}/peer/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64"


def busy_ticks():
    """Ticks that all cores together spent on anything, stolen time included."""
    fields = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return sum(fields) - fields[3] - fields[4]


def own_ticks(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


class Side:
    """A process under measurement, its figures by name, and how much of the machine others used meanwhile."""

    def __init__(self, name, command):
        self.name, self.figures, self.others = name, {}, []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = self.process.stdout.readline().split()
        if not answer or answer[0] != "open":
            sys.exit(f"{name}: did not open: {' '.join(command)}")
        self.opened, self.runtime_start = float(answer[1]), float(answer[2])

    def ask(self, line):
        busy, own, start = busy_ticks(), own_ticks(self.process.pid), time.time()
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"{self.name}: ended at '{line}'")
        elapsed = time.time() - start
        if elapsed > 0.2:
            foreign = busy_ticks() - busy - (own_ticks(self.process.pid) - own)
            self.others.append(max(0, foreign) / TICK / elapsed)
        return float(answer)

    def record(self, figure, value):
        self.figures.setdefault(figure, []).append(value)

    def median(self, figure):
        return statistics.median(self.figures[figure]) if figure in self.figures else None

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def peer(name, model, backend=""):
    path = f"{peer_libraries}/libggml-cpu-{backend}.so" if backend else peer_libraries
    return lambda: Side(name, [f"{options.cache}/peer/measure", "measure", f"{options.cache}/models/{model}.gguf", path])


def ours(name, model):
    jars = ":".join(sorted(glob.glob(f"{options.repo}/tools/target/catena/lib/*.jar")))
    # As the command starts Java: with a heap that begins small, and its classes in an archive, which wants the same jars first.
    archive = f"{options.repo}/tools/target/catena/classes.jsa"
    return lambda: Side(name, ["java", "-XX:+UseSerialGC", "-Xms16m", "-XX:MinHeapFreeRatio=25", "-XX:-UsePerfData", "-Xlog:disable",
                               f"-XX:SharedArchiveFile={archive}", "-cp", f"{jars}:{options.cache}/classes", "CatenaSide", f"{options.cache}/models/{model}.catena"])


AMX = bool(os.environ.get("CATENA_BENCH_AMX")) or " amx_int8" in open("/proc/cpuinfo").read()


def with_amx(*rows):
    """Rows of a CPU with AMX: what the peer has without it is met by code without it."""
    return rows if AMX else ()


# Name of a group, the peer, ours; prompt and generated tokens; threads. The first side is what the ratios are against.
GROUPS = [
    ("W4, head in 8 bits", [peer("llama.cpp Q4_0", "q4_0"), ours("W4", "w4"), ours("W4 f32", "w4-f32"), ours("W4 int8", "w4-int8")], 512, 64, (THREADS, 1)),
    ("W8", [peer("llama.cpp Q8_0", "q8_0"), ours("W8", "w8"), ours("W8 f32", "w8-f32"), ours("W8 int8", "w8-int8")], 512, 64, (THREADS, 1)),
    ("f16", [peer("llama.cpp f16", "f16"), ours("W16", "w16-f32"), ours("W16 bf16", "w16-bf16")], 512, 32, (THREADS, 1)),
    ("AVX2 alone: W4", [peer("llama.cpp Q4_0, haswell", "q4_0", "haswell"), ours("W4 int8, x86-64-v3", "w4-int8-v3")], 512, 32, (THREADS,)),
    *with_amx(("AVX-512 alone: W4", [peer("llama.cpp Q4_0, icelake", "q4_0", "icelake"), ours("W4 int8, icelake-server", "w4-int8-icelake")], 512, 32, (THREADS,))),
    ("context of 2000: W4", [peer("llama.cpp Q4_0", "q4_0"), ours("W4 int8", "w4-int8"), ours("W4 int8, int8 KV", "w4-int8-kv8")], 1984, 32, (THREADS,)),
]


def others_now(seconds=2.0):
    before = busy_ticks()
    time.sleep(seconds)
    return (busy_ticks() - before) / TICK / seconds


def measured(group):
    name, makers, prompt, generated, thread_counts = group
    out = []
    for threads in thread_counts:
        if options.quick and threads == 1 and not name.startswith("W4"):
            continue
        sides = [make() for make in makers]
        rounds = repeats if prompt < 1000 else 3
        for side in sides:
            side.ask(f"threads {threads}")
            side.ask("prefill 64")
            side.ask("decode 4")
            side.others.clear()
        for _ in range(rounds):
            for side in sides:
                side.record("prefill", prompt / side.ask(f"prefill {prompt}"))
                side.record("decode", generated / side.ask(f"decode {generated}"))
                if "llama.cpp" not in side.name:
                    side.record("bandwidth", side.ask("bandwidth 3"))
                    side.record("bytes", side.ask(f"bytes {prompt + generated // 2}"))
        for side in sides:
            side.record("resident", side.ask("resident 0") / 1024)
            side.close()
        out.append((threads, sides))
    return out


def opening(group):
    """Open to first token: a process of its own each time."""
    figures = {}
    for _ in range(repeats):
        for make in group[1]:
            side = make()
            figures.setdefault(side.name, []).append((side.opened, side.runtime_start))
            side.close()
    return {name: [statistics.median(column) for column in zip(*pairs)] for name, pairs in figures.items()}


def together():
    """Sequences that decode in the same steps, in turns with one alone in the same scheduler: `catena bench --batch`."""
    rows = [["decoding together", "sequences", "tokens/s", "one alone, tokens/s", "× one"]]
    for name, model in (("W4", "w4"), ("W4 int8", "w4-int8"), ("W8", "w8"), ("W8 int8", "w8-int8")):
        for sequences in (4, 16):
            answer = subprocess.run([f"{options.repo}/catena", "bench", f"{options.cache}/models/{model}.catena", "--batch", str(sequences),
                                     "--prompt-len", "64", "--gen-len", "64", "--repeat", str(repeats), "--threads", str(THREADS), "--json"],
                                    stdout=subprocess.PIPE, check=True)
            figures = json.loads(answer.stdout)
            rows.append([name, str(sequences), f"{figures['batch_decode_tokens_per_s']:.1f}", f"{figures['batch_one_decode_tokens_per_s']:.1f}",
                         f"{figures['batch_ratio_to_one']:.2f}"])
            print(" | ".join(rows[-1]), flush=True)
    return rows


@contextlib.contextmanager
def spinning(processes):
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        time.sleep(0.5)  # they are at it
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def beside_spinning():
    """Decoding by as many threads as there are cores, while processes that only spin take half of them."""
    taken = max(1, CORES // 2)
    rows = [[f"{taken} of {CORES} cores taken by spinning processes", "decode before, tokens/s", "beside them", "× before"]]
    sides = [make() for make in (peer("llama.cpp Q4_0", "q4_0"), ours("W4", "w4"), ours("W4 int8", "w4-int8"))]
    for side in sides:
        side.ask(f"threads {CORES}")
    for _ in range(repeats):
        for side in sides:
            side.ask("prefill 64")
            side.record("before", 16 / side.ask("decode 16"))
            with spinning(taken):
                side.record("beside", 16 / side.ask("decode 16"))
    for side in sides:
        before, beside = side.median("before"), side.median("beside")
        rows.append([side.name, f"{before:.2f}", f"{beside:.2f}", f"{beside / before:.2f}"])
        print(" | ".join(rows[-1]), flush=True)
        side.close()
    return rows


def used(command, environment={}):
    """Wall and processor seconds of a command, and the MiB that it held at most."""
    start = time.time()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **environment})
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}")
    return time.time() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compiling():
    """From the model as it comes to 4 bits, both sides in turn; the peer's way is two commands, and both together."""
    f16, q4, artifact, code = (f"{options.cache}/models/timed.{end}" for end in ("f16.gguf", "q4_0.gguf", "catena", "code"))
    steps = {
        "llama.cpp: writing the f16 GGUF": (["python3", options.gguf, f16, *options.gguf_shape.split()], {}),
        "llama.cpp: quantizing it to Q4_0": ([f"{options.cache}/peer/measure", "quantize", f16, q4, "q4_0", "q8_0", str(CORES)],
                                             {"PEER_BACKENDS": peer_libraries}),
        "catena compile --wbits 4 --scales range": ([f"{options.repo}/catena", "compile", options.onnx, "-o", artifact, "--wbits", "4",
                                                     "--scales", "range"], {"CATENA_CACHE": code}),
    }
    figures = {name: [] for name in steps}
    try:
        for _ in range(3):
            for name, (command, environment) in steps.items():
                shutil.rmtree(code, ignore_errors=True)  # kept code would spare clang
                figures[name].append(used(command, environment))
    finally:
        shutil.rmtree(code, ignore_errors=True)
        for path in (f16, q4, artifact):
            if os.path.exists(path):
                os.remove(path)
    wall_cpu_peak = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in figures.items()}
    (first, second), catena = list(wall_cpu_peak.values())[:2], list(wall_cpu_peak)[2]
    whole = [first[0] + second[0], first[1] + second[1], max(first[2], second[2])]
    rows = [["from the model to 4 bits", "s", "× peer", "processor s", "cores busy", "peak MiB"]]
    for name, (wall, cpu, peak) in [*list(wall_cpu_peak.items())[:2], ("llama.cpp: both", whole), (catena, wall_cpu_peak[catena])]:
        rows.append([name, f"{wall:.1f}", f"{wall / whole[0]:.2f}" if name == catena else "", f"{cpu:.1f}", f"{cpu / wall:.2f}", f"{peak:.0f}"])
        print(" | ".join(rows[-1]), flush=True)
    return rows


def table(rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], ["---"] * len(rows[0])] + rows[1:])


def main():
    load = others_now()
    if load > IDLE and not options.force:
        sys.exit(f"compare.py: other processes use {load:.2f} of {CORES} cores; wait until they don't, or measure with --force")
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    groups = [g for g in GROUPS if options.only in g[0]]
    lines = [f"{cpu}, {CORES} cores; {datetime.date.today()}; medians of {repeats}, peer and ours in turn; "
             f"other processes used {load:.2f} cores before it began.", "", ""]
    speed = [["", "threads", "prefill tokens/s", "× peer", "decode tokens/s", "× peer", "read bandwidth GB/s", "share of it", "resident MiB", "others, cores"]]
    starts = [["", "open to first token, s", "× peer", "start of the JVM before it, s"]]
    for group in groups:
        for threads, sides in measured(group):
            reference = sides[0]
            for side in sides:
                bandwidth, bytes_read = side.median("bandwidth"), side.median("bytes")
                decode, prefill = side.median("decode"), side.median("prefill")
                first = side is reference
                speed.append([f"{side.name} ({group[0].split(':')[0]})" if group[2] != 512 else side.name, str(threads), f"{prefill:.1f}", "" if first else f"{prefill / reference.median('prefill'):.2f}",
                              f"{decode:.2f}", "" if first else f"{decode / reference.median('decode'):.2f}",
                              f"{bandwidth / 1e9:.1f}" if bandwidth else "", f"{100 * decode * bytes_read / bandwidth:.0f} %" if bandwidth else "",
                              f"{side.median('resident'):.0f}", f"{statistics.mean(side.others):.2f}" if side.others else ""])
                print(" | ".join(speed[-1]), flush=True)
        if group[2] == 512 and "alone" not in group[0]:
            opened = opening(group)
            base = next(iter(opened.values()))[0]
            for name, (seconds, jvm) in opened.items():
                starts.append([name, f"{seconds:.2f}", f"{seconds / base:.2f}", f"{jvm:.2f}" if jvm else ""])
                print(" | ".join(starts[-1]), flush=True)
    tables = [speed, starts]
    for name, measure in (("batch", together), ("spinning", beside_spinning), ("compile", compiling)):
        if options.only in name and (name != "compile" or options.onnx):
            tables.append(measure())
    text = "\n".join(lines) + "\n".join(table(rows) + "\n" for rows in tables if len(rows) > 1)
    print("\n" + text)
    if options.doc and not options.only:
        begin, end = "<!-- measured: written by tests/bench/cpu/run.sh -->", "<!-- end of what was measured -->"
        page = open(options.doc).read()
        head, rest = page.split(begin)
        open(options.doc, "w").write(head + begin + "\n" + text + end + rest.split(end)[1])


main()
