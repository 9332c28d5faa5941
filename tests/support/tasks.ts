/** The tasks and startup functions of the system tests. */

import { cpuUsage } from "node:process";

/** What `setup` returns. */
export interface Model {
  readonly name: string;
  readonly offset: number;
}

/** A startup function whose array is spread. */
export function setup(): [Model, string[]] {
  return [{ name: "model", offset: 100 }, []];
}

/** A startup function with one value. */
export function setupOne(): Model {
  return { name: "model", offset: 200 };
}

/** A startup function with arguments. */
export function setupNamed(name: string, offset: number): Model {
  return { name, offset };
}

/** A startup as an object. */
export class Maker {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  /** What runs on the slave. */
  run(offset: number): Model {
    return { name: this.name, offset };
  }
}

/** An asynchronous startup function. */
export async function setupLater(): Promise<[Model]> {
  return await Promise.resolve([{ name: "model", offset: 300 }]);
}

/** A startup function that returns nothing. */
export function setupNothing(): void {}

/** Adds what `setup` returned to its argument, and remembers it there. */
export function score(x: number, model: Model, seen: string[]): [number, string, number] {
  return [x + model.offset, model.name, seen.push(String(x))];
}

/** Adds the offset of a model. */
export function shift(x: number, model: Model): number {
  return x + model.offset;
}

/** A task as an object. */
export class Distance {
  readonly d: number;
  constructor(d: number) {
    this.d = d;
  }
  /** What runs on the slave. */
  run(model: Model, seen: string[]): [number, string, number] {
    return [this.d + model.offset, model.name, seen.length];
  }
}

/** A task as an object that takes arguments of its own. */
export class Power {
  readonly exponent: number;
  constructor(exponent: number) {
    this.exponent = exponent;
  }
  /** What runs on the slave. */
  run(base: number): number {
    return base ** this.exponent;
  }
}

/** A constant: no task. */
export const limit = 5;

/** Returns what it is given. */
export function echo<Value>(value: Value): Value {
  return value;
}

/** Returns all arguments. */
export function echoAll(...values: unknown[]): unknown[] {
  return values;
}

/** Returns the square. */
export function square(x: number): number {
  return x * x;
}

/** Computes for at least as many milliseconds. */
export function compute(ms: number): number {
  const start = performance.now();
  while (performance.now() - start < ms);
  return ms;
}

/** Computes until its process has used as many milliseconds of processor time. */
export function useProcessor(ms: number): number {
  for (;;) {
    const { user, system } = cpuUsage();
    if (user + system >= ms * 1000) return ms;
  }
}

/** The process it runs in. */
export function processId(_input?: unknown): number {
  return Deno.pid;
}

/** Returns that many bytes. */
export function bytes(count: number): Uint8Array {
  return new Uint8Array(count);
}

/** Returns its input; for one it computes before until a file is there. If that task runs twice, only once: it makes a file first. */
export function computeAt(x: number, at: number, begun: string, until: string): number {
  if (x === at && makes(begun)) { while (!isThere(until)); }
  return x;
}

function makes(file: string): boolean {
  try {
    Deno.writeTextFileSync(file, "", { createNew: true });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw error;
  }
}

function isThere(file: string): boolean {
  try {
    Deno.statSync(file);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
