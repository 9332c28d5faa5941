import { jsonOf } from "../../../wire/codec.ts";
import type { GroupWriter } from "./group_writer.ts";

/** Further data of a slice or a moment. */
export type TraceArgs = Readonly<Record<string, unknown>>;

/** Something that took time on a slave. Times are in milliseconds since 1970. */
export interface Slice {
  readonly name: string;
  readonly category: string;
  readonly startMs: number;
  endMs: number;
  readonly args?: TraceArgs;
}

/** In the format's terms the run is one process. The slaves are its threads 1, 2, 3 …; everything else is in thread 0. */
const PROCESS = 1;

/**
 * A file in the Trace Event Format.
 *
 * A JSON array with one event a line. Viewers also accept it without its end, which is missing if the master was killed.
 *
 * @see https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
export class TraceFile {
  readonly #writer: GroupWriter;
  /** Times in the file count from here. Milliseconds since 1970. */
  #originMs: number | undefined;

  /** @param title The title of the run. */
  constructor(writer: GroupWriter, title: string) {
    this.#writer = writer;
    const args = { name: title };
    const first = { ph: "M", name: "process_name", pid: PROCESS, tid: 0, args };
    writer.write("[\n" + jsonOf(first));
  }

  /** Says when the run began; only the first call counts. */
  begin(atMs: number): void {
    this.#originMs ??= atMs;
  }

  /** Names the row of a slave, and puts it in its place. */
  nameRow(slave: number, name: string): void {
    const tid = slave + 1;
    this.#write({ ph: "M", name: "thread_name", tid, args: { name } });
    this.#write({ ph: "M", name: "thread_sort_index", tid, args: { sort_index: slave } });
  }

  /** Draws a slice in the row of a slave. */
  draw(slave: number, { name, category, startMs, endMs, args }: Slice): void {
    const ts = this.#micros(startMs);
    const dur = Math.max(0, this.#micros(endMs) - ts);
    this.#write({ ph: "X", name, cat: category, tid: slave + 1, ts, dur, args });
  }

  /** Marks a moment in the row of a slave, or in all rows if there is no slave. */
  mark(slave: number | undefined, name: string, atMs: number, args: TraceArgs): void {
    const place = slave === undefined ? { tid: 0, s: "p" } : { tid: slave + 1, s: "t" };
    this.#write({ ph: "i", name, cat: "slave", ...place, ts: this.#micros(atMs), args });
  }

  /** Draws counts that change over time. */
  count(name: string, atMs: number, args: Readonly<Record<string, number>>): void {
    this.#write({ ph: "C", name, tid: 0, ts: this.#micros(atMs), args });
  }

  /** Completes the array. */
  end(): void {
    this.#writer.write("\n]\n");
  }

  #micros(ms: number): number {
    return Math.max(0, Math.round((ms - this.#originMs!) * 1000));
  }

  #write(event: Readonly<Record<string, unknown>>): void {
    this.#writer.write(",\n" + jsonOf({ ...event, pid: PROCESS }));
  }
}
