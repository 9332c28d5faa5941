/** The tasks, as poolifier takes them. */

import { chunk, same, spinFor } from "./tasks.js";

// Not at the top: the project's checks do without the peers.
const { ThreadWorker } = await import("poolifier");

export default new ThreadWorker({ same, spinFor, chunk });
