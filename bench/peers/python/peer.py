"""A peer in Python: the words are its name and the work, see work.ts. Prints what it measured as one line of JSON."""

import array
import json
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor

WORKERS = 2


def same(value):
    return value


def spin_for(task):
    index, micros = task
    end = time.perf_counter() + micros / 1e6
    while time.perf_counter() < end:
        pass
    return index


def hundred_numbers(index):
    return array.array("d", ((index + i) / 64 for i in range(100)))


def kilobyte_object(index):
    return {
        "index": index,
        "name": f"structure {index}",
        "weights": [(index + i) / 64 for i in range(48)],
        "labels": [f"residue {i} of chain A" for i in range(12)],
        "options": {"cutoff": 8.5, "isPeriodic": False, "comment": None},
    }


class Pool:
    """multiprocessing.Pool. Its map() is faster than imap() and imap_unordered(), by a quarter."""

    def __init__(self):
        self.pool = multiprocessing.Pool(WORKERS)

    def run_all(self, function, arguments, chunk):
        return self.pool.map(function, arguments, chunksize=chunk)

    def run(self, function, argument):
        return self.pool.apply(function, (argument,))

    def end(self):
        self.pool.terminate()


class Executor:
    """concurrent.futures.ProcessPoolExecutor."""

    def __init__(self):
        self.executor = ProcessPoolExecutor(WORKERS)

    def run_all(self, function, arguments, chunk):
        return self.executor.map(function, arguments, chunksize=chunk)

    def run(self, function, argument):
        return self.executor.submit(function, argument).result()

    def end(self):
        self.executor.shutdown()


def stream(peer, work):
    micros, chunk = work["micros"], work["chunk"]
    make = kilobyte_object if work["payload"] == "object" else hundred_numbers
    objects = [make(i) for i in range(64)]

    def run_all(count):
        if micros > 0:
            function, arguments = spin_for, ((i, micros) for i in range(count))
        elif work["payload"] == "index":
            function, arguments = same, range(count)
        else:
            function, arguments = same, (objects[i % 64] for i in range(count))
        assert sum(1 for _ in peer.run_all(function, arguments, chunk)) == count

    return timed(run_all, work)


def echo(peer, work):
    buffer = bytes(work["bytes"])

    def run_all(count):
        # Two at a time, as the others.
        for done in range(0, count, WORKERS):
            for _ in peer.run_all(same, [buffer] * min(WORKERS, count - done), 1):
                pass

    return timed(run_all, work)


def timed(run_all, work):
    run_all(work["warmUpTasks"])
    start = time.perf_counter()
    run_all(work["tasks"])
    return {"seconds": time.perf_counter() - start}


def round_trips(peer, work):
    micros = []
    for i in range(-work["warmUpTasks"], work["tasks"]):
        start = time.perf_counter()
        peer.run(same, i)
        if i >= 0:
            micros.append(1e6 * (time.perf_counter() - start))
    micros.sort()
    count = len(micros)
    return {"medianMicros": micros[count // 2], "p99Micros": micros[int(count * 0.99)]}


def main():
    name, work = sys.argv[1], json.loads(sys.argv[2])
    peer = {"multiprocessing.Pool": Pool, "ProcessPoolExecutor": Executor}[name]()
    if work["kind"] == "first result":
        print(peer.run(same, 1), flush=True)
    else:
        measure = {"stream": stream, "round trip": round_trips, "echo": echo}[work["kind"]]
        print(json.dumps(measure(peer, work)))
    peer.end()


if __name__ == "__main__":
    main()
