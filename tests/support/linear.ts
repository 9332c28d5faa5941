import process from "node:process";
import { assert } from "@std/assert";

/** Characters of the shorter text. */
const LENGTH = 64 * 1024;
/** Work that grows with the square of the text takes 16 times as long for four times the text. */
const MOST_GROWTH = 10;
/** Processor time that the garbage collector and the compiler may take beside, ms. */
const NOISE_MS = 150;

/**
 * Asserts that work on a text grows as the text does, and not with its square, by the processor time that it takes. What other
 * programs do at the same time does not count.
 *
 * @param work May throw: how it ends does not matter here.
 * @param makeText Makes a text of about so many characters.
 */
export async function assertLinear(
  work: (text: string) => unknown,
  makeText: (length: number) => string,
): Promise<void> {
  const shortMs = await cpuMsOf(work, makeText(LENGTH));
  const longMs = await cpuMsOf(work, makeText(4 * LENGTH));
  assert(
    longMs <= MOST_GROWTH * shortMs + NOISE_MS,
    `${shortMs} ms for ${LENGTH} characters became ${longMs} ms for four times as many`,
  );
}

/** A text of so many characters, or a little less, made of one part again and again. */
export function repeated(part: string, length: number): string {
  return part.repeat(Math.floor(length / part.length));
}

async function cpuMsOf(work: (text: string) => unknown, text: string): Promise<number> {
  const before = process.cpuUsage();
  try {
    await work(text);
  } catch {
    // Bad input may be refused.
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
