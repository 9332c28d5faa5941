import type { BenchCase } from "./bench_case.ts";
import { echo } from "./cases/echo.ts";
import { objects } from "./cases/objects.ts";
import { roundTrip } from "./cases/round_trip.ts";
import { start } from "./cases/start.ts";
import { throughput } from "./cases/throughput.ts";

/** All cases, in the order of the table. */
export const CASES: readonly BenchCase[] = [throughput, objects, roundTrip, echo, start];
