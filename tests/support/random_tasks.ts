import { randomStream } from "../../random.ts";

/** Draws three numbers of a task's own stream. */
export function draw(seed: number, task: number): number[] {
  const random = randomStream(seed, task);
  return [random.next(), random.next(), random.next()];
}

/** The same; the slave dies of the first attempt at every seventh task. */
export function drawOnceMore(seed: number, task: number, marks: string): number[] {
  if (task % 7 === 0) {
    try {
      Deno.writeTextFileSync(`${marks}/${task}`, "", { createNew: true });
      Deno.exit(1);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
  }
  return draw(seed, task);
}
