import type { BenchCase } from "./bench_case.ts";
import { cli } from "./cases/cli.ts";
import { contexts } from "./cases/contexts.ts";
import { echo } from "./cases/echo.ts";
import { hugeBuffer } from "./cases/huge_buffer.ts";
import { ideal } from "./cases/ideal.ts";
import { lazy } from "./cases/lazy.ts";
import { manySlaves } from "./cases/many_slaves.ts";
import { objects } from "./cases/objects.ts";
import { page } from "./cases/page.ts";
import { path } from "./cases/path.ts";
import { plot } from "./cases/plot.ts";
import { queue } from "./cases/queue.ts";
import { roundTrip } from "./cases/round_trip.ts";
import { start } from "./cases/start.ts";
import { startupArgument } from "./cases/startup_argument.ts";
import { switches } from "./cases/switches.ts";
import { throughput } from "./cases/throughput.ts";
import { values } from "./cases/values.ts";
import { ways } from "./cases/ways.ts";

/** All cases, in the order of the table. */
export const CASES: readonly BenchCase[] = [
  throughput,
  ways,
  objects,
  values,
  roundTrip,
  echo,
  queue,
  start,
  ideal,
  switches,
  manySlaves,
  path,
  lazy,
  page,
  hugeBuffer,
  startupArgument,
  contexts,
  cli,
  plot,
];
