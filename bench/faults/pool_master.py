"""The same faults in Python: multiprocessing.Pool or concurrent.futures.ProcessPoolExecutor."""

import concurrent.futures
import json
import multiprocessing
import os
import resource
import signal
import sys
import time

LIMIT_S = 1.0
HANG_S = 10.0


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))


def work(i, fault, folder):
    if fault == "orphans":
        open(f"{folder}/{os.getpid()}", "w").close()
        while True:
            pass
    if i == 3:
        with open(f"{folder}/fault-{os.getpid()}", "w") as file:
            file.write(str(time.time() * 1000))
        if fault == "throws":
            raise ValueError("on purpose")
        if fault == "exits 1":
            os._exit(1)
        if fault == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "SIGSTOP":
            os.kill(os.getpid(), signal.SIGSTOP)
        if fault == "uncloneable result":
            return lambda: 0
        if fault == "endless loop":
            while True:
                pass
        blocks = []
        while True:
            blocks.append(bytearray(1 << 20))
    end = time.perf_counter() + 0.05
    while time.perf_counter() < end:
        pass
    return i


def main(kind, fault, folder):
    if kind == "pool":
        pool = multiprocessing.Pool(2, initializer=limit_memory)
        handles = [pool.apply_async(work, (i, fault, folder)) for i in range(20)]
        is_ready = lambda handle: handle.ready()
        value_of = lambda handle: handle.get(0)
    else:
        pool = concurrent.futures.ProcessPoolExecutor(2, initializer=limit_memory)
        handles = [pool.submit(work, i, fault, folder) for i in range(20)]
        is_ready = lambda handle: handle.done()
        value_of = lambda handle: handle.result(0)
    timed = fault in ("endless loop", "SIGSTOP")
    pending = dict(enumerate(handles))
    rest, last_at, noticed_at, told = 0, 0, None, None
    start = time.time()
    while pending and time.time() - start < HANG_S:
        for i, handle in list(pending.items()):
            if not is_ready(handle):
                continue
            del pending[i]
            try:
                value_of(handle)
                rest += 1
                last_at = time.time() * 1000
            except BaseException as error:
                if i == 3:
                    noticed_at = time.time() * 1000
                    told = type(error).__name__
        # Neither can end a task that runs: all that there is to a time limit is to wait no longer.
        if timed and 3 in pending and fault_at(folder) and time.time() * 1000 - fault_at(folder) > LIMIT_S * 1000:
            del pending[3]
            noticed_at = time.time() * 1000
            told = "TimeoutError, its process is lost to the pool"
        time.sleep(0.001)
    began = fault_at(folder)
    result = {"restMs": max(0, last_at - began), "rest": rest}
    if noticed_at:
        result |= {"noticedMs": noticed_at - began, "told": told}
    print(json.dumps(result), flush=True)
    for process in multiprocessing.active_children():
        process.kill()
    os._exit(0)


def fault_at(folder):
    times = [open(f"{folder}/{name}").read() for name in os.listdir(folder) if name.startswith("fault-")]
    return min((float(text) for text in times if text), default=0)


if __name__ == "__main__":
    main(*sys.argv[1:])
