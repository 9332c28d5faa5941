const leaks: Uint8Array[] = [];
let runs = 0;

/** A startup function: the number of its process. */
export function processOf(): number {
  return Math.floor(Math.random() * 2 ** 53);
}

/** Says in which process it runs, and how many tasks have run there. */
export function place(task: number, process: number): [task: number, process: number, run: number] {
  return [task, process, ++runs];
}

/** Keeps so much memory for ever. */
export function leak(megabytes: number, process: number): number {
  leaks.push(new Uint8Array(megabytes * 1e6).fill(1));
  return process;
}
