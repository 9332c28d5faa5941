/** Tasks that tell where they ran. */

import { reportProgress } from "../../progress.ts";

/** Where a task ran. */
export interface Place {
  readonly value: number;
  readonly host: string;
  /** Id of its process, on that host. */
  readonly runner: number;
  /** Id of the process that started that one. */
  readonly agent: number;
}

/** Does nothing. */
export function begin(_value: number): void {}

/** Waits, and tells where it did. */
export async function place(value: number, ms: number): Promise<Place> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { value, host: Deno.hostname(), runner: Deno.pid, agent: Deno.ppid };
}

/** The same for inputs that come one by one. */
export function placeOne({ value, ms }: { value: number; ms: number }): Promise<Place> {
  return place(value, ms);
}

/** The same of a task that tells how far it has come. */
export async function placeTelling(value: number, ms: number): Promise<Place> {
  reportProgress(1, 2, `value ${value}`);
  return await place(value, ms);
}

/** Waits until there is a file, and tells where it did. */
export async function placeWhenThere(value: number, file: string): Promise<Place> {
  while (!isThere(file)) await new Promise((resolve) => setTimeout(resolve, 50));
  return place(value, 0);
}

/** Whether there is a file. */
export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What is added to all values before they are sent. */
export interface Shift {
  readonly by: number;
}

/** A startup that tells tasks how much was added to their values. */
export function setup(by: number): Shift {
  return { by };
}

/** The same for a value that something was added to. It is printed as well, behind the host and the process. */
export function placeShifted(shifted: number, ms: number, { by }: Shift): Promise<Place> {
  console.log(`${Deno.hostname()} ${Deno.pid} ${shifted - by}`);
  return place(shifted - by, ms);
}
