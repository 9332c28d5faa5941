/** The tasks, as workerpool takes them. */

import { chunk, same, spinFor } from "./tasks.js";

// Not at the top: the project's checks do without the peers.
const { default: workerpool } = await import("workerpool");

workerpool.worker({ same, spinFor, chunk });
