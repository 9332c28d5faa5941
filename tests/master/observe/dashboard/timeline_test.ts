import { assertEquals } from "@std/assert";
import {
  BINS,
  MARKS,
  SAMPLE_MS,
  Timeline,
} from "../../../../lib/master/observe/dashboard/timeline.ts";

Deno.test("Timeline: notes in which share of each part a slave was busy", () => {
  const timeline = new Timeline();
  const track = timeline.addTrack();
  for (const [elapsedMs, isBusy] of [[0, true], [250, true], [300, false], [500, false]] as const) {
    track.note(timeline.advance(elapsedMs), isBusy, MARKS.present);
  }
  assertEquals([...track.busy.slice(0, 4)], [255, 128, 0, 0]);
  assertEquals([...track.marks.slice(0, 4)], [1, 1, 1, 0]);
  assertEquals([timeline.length, timeline.lengthMs], [3, 3 * SAMPLE_MS]);
});

Deno.test("Timeline: has two parts become one when the last is full, and keeps sums, shares and marks", () => {
  const timeline = new Timeline();
  const track = timeline.addTrack();
  for (let i = 0; i < BINS; i++) {
    const bin = timeline.advance(i * SAMPLE_MS);
    track.note(bin, i % 2 === 0, MARKS.present);
    timeline.ended[bin] += i;
  }
  track.mark(3, MARKS.died);
  timeline.failed[7] = 1;
  assertEquals(timeline.length, BINS);
  const bin = timeline.advance(BINS * SAMPLE_MS);
  assertEquals([bin, timeline.length, timeline.lengthMs], [120, 121, 121 * 2 * SAMPLE_MS]);
  track.note(bin, true, MARKS.present);
  assertEquals([...track.busy.slice(0, 122)], [...Array(120).fill(128), 255, 0]);
  assertEquals([track.marks[1], track.marks[2]], [MARKS.present | MARKS.died, MARKS.present]);
  assertEquals([timeline.ended[0], timeline.ended[119], timeline.failed[3]], [1, 477, 1]);
});

Deno.test("Timeline: a year is as large as a minute", () => {
  const timeline = new Timeline();
  timeline.addTrack();
  const yearMs = 365 * 86_400_000;
  timeline.advance(yearMs);
  assertEquals(timeline.length > BINS / 2 && timeline.length <= BINS, true);
  assertEquals(timeline.lengthMs >= yearMs && timeline.lengthMs < yearMs * 1.02, true);
});

Deno.test("Track: while the script was busy itself slaves did what they had done before", () => {
  const timeline = new Timeline();
  const track = timeline.addTrack();
  track.note(timeline.advance(500), true, MARKS.present | MARKS.begun);
  track.mark(3, MARKS.failed);
  track.note(timeline.advance(1250), false, MARKS.waiting);
  assertEquals([...track.busy.slice(0, 6)], [0, 0, 255, 255, 255, 0]);
  assertEquals([...track.marks.slice(0, 6)], [
    0,
    0,
    MARKS.present | MARKS.begun,
    MARKS.present | MARKS.failed,
    MARKS.present,
    MARKS.waiting,
  ]);
});
