/** What the table of types uses. None of it is ever run. */

import type { Buffer } from "node:buffer";

/** A plain value. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A value that contains itself. */
export interface Tree {
  readonly value: number;
  readonly left?: Tree;
}

/** Whatever JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Lists of lists without end. */
export type NestedList = readonly (number | NestedList)[];

/** What has maps and sets of itself. */
export type Value = string | Date | Map<string, Value> | Set<Value> | Value[];

/** A map with a method of its own. */
export class Counts extends Map<string, number> {
  /** Their sum. */
  total(): number {
    return this.values().reduce((sum, count) => sum + count, 0);
  }
}

/** A class with a method, a getter of its own, and something private. */
export class Vector {
  readonly #norm = 1;
  readonly elements = new Float64Array(3);
  /** Its length. */
  norm(): number {
    return this.#norm;
  }
}

/** A task as an object. */
export class Model {
  readonly path: string;
  constructor(path: string, _weights?: readonly number[]) {
    this.path = path;
  }
  /** What runs on the slave. */
  run(x: number): Point {
    return { x, y: x };
  }
}

/** A task that is not declared with care. */
export class Waiting {
  readonly promise: Promise<number>;
  constructor(promise: Promise<number>) {
    this.promise = promise;
  }
  /** What runs on the slave. */
  run(): void {}
}

/** A task as an object that is made of whatever JSON can say. */
export class Reader {
  readonly json: Json;
  constructor(json: Json) {
    this.json = json;
  }
  /** What runs on the slave. */
  run(): void {}
}

/** A startup function. */
export function setup(): [Point, string] {
  return [{ x: 1, y: 2 }, "name"];
}

/** An asynchronous startup function with one value. */
export async function setupLater(): Promise<Point> {
  return await Promise.resolve({ x: 1, y: 2 });
}

export const limit = 5;
export declare function weigh(x: number): string;
export declare function weighLater(x: number): Promise<string>;
export declare function scale(x: number, point: Point, name: string): number;
export declare function shift(x: number, point: Point): number;
export declare function any(x: unknown): unknown;
export declare function echo<Value>(value: Value): Value;
export declare function more(first: string, ...others: readonly number[]): number;
export declare function perhaps(x: number, unit?: string): number;
export declare function makeVector(): Vector;
export declare function makeTree(): Tree;
export declare function makeJson(): Json;
export declare function makeBuffers(): { bytes: Buffer; parts: Map<string, Buffer[]> };
export declare function takeJson(json: Json): Json;
export declare function takeValue(value: Value): Value;
export declare function makeDerivedMap(): Counts;
export declare function takeList(list: NestedList): number;
export declare function makeMap(): Map<string, Vector>;
export declare function makeSet(): ReadonlySet<Point>;
export declare function makeFunction(): () => void;
export declare function makePair(): readonly [Vector, Point?];
export declare function makeError(): RangeError;
export declare function makeDates(): Date[];
export declare function makeMatrix(): Float32Array[];
export declare function move(vector: Vector): number;
export declare function wait(promise: Promise<number>): number;
export declare function makePoint(x: number, y?: number): Point;
export declare function waitFor(promise: Promise<number>): number;
