/** Tasks whose results are in memory that is changed as soon as they have returned. */

const LENGTH = 100;
const ofModule = new Float64Array(LENGTH);

/** A startup function: memory that all tasks use. */
export function setup(): [Float64Array] {
  return [new Float64Array(LENGTH)];
}

/** Uses the memory of the startup. */
export function refill(x: number, memory: Float64Array): Float64Array {
  return memory.fill(x);
}

/** Uses memory of the module. */
export function refillModule(x: number): { nested: Float64Array[] } {
  return { nested: [ofModule.fill(x)] };
}

/** Takes longer than answers are held back, but for some. */
export function refillSlowly(x: number, memory: Float64Array): Float64Array {
  const end = performance.now() + 1.5;
  while (performance.now() < end);
  return memory.fill(x);
}

/** Returns a promise. */
export async function refillLater(x: number, memory: Float64Array): Promise<Float64Array> {
  await new Promise((resolve) => setTimeout(resolve));
  return memory.fill(x);
}

/** Goes on with a line of its own before anybody else does. */
export function changeInMicrotask(x: number): Float64Array {
  const memory = new Float64Array(LENGTH).fill(x);
  queueMicrotask(() => memory.fill(-1));
  return memory;
}

/** Changes megabytes while they are written. */
export function changeLarge(x: number, bytes: number): Uint8Array {
  const memory = new Uint8Array(bytes).fill(x);
  const changing = setInterval(() => memory.fill(255));
  setTimeout(() => clearInterval(changing), 20);
  return memory;
}

/** Takes the memory away in the next turn of the event loop. */
export function transferNext(x: number, bytes: number): Uint8Array {
  const memory = new Uint8Array(bytes).fill(x);
  setTimeout(() => memory.buffer.transfer());
  return memory;
}

/** Shortens the memory in the next turn of the event loop. */
export function resizeNext(x: number, bytes: number): Uint8Array {
  const memory = new Uint8Array(new ArrayBuffer(bytes, { maxByteLength: bytes })).fill(x);
  setTimeout(() => memory.buffer.resize(0));
  return memory;
}

/** Throws memory that it goes on to change. */
export function throwMemory(x: number): never {
  const memory = new Float64Array(LENGTH).fill(x);
  queueMicrotask(() => memory.fill(-1));
  throw Object.assign(new Error("with memory"), { memory });
}

/** A startup function that changes what it has returned. */
export function setupChanging(): number[] {
  const values = [1, 2];
  setTimeout(() => values.push(3));
  queueMicrotask(() => values.push(4));
  return values;
}

/** How many arguments it was called with. */
export async function countArguments(...args: number[]): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve));
  return args.length;
}
