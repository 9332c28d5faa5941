/**
 * Prints certificates for the name in its argument, for a master that cannot load the library that makes them.
 *
 * @module
 */

import { messageOf } from "../../message_of.ts";
import { JSON } from "../../own_globals.ts";
import { makeCertificates } from "./certificates.ts";

try {
  console.log(JSON.stringify(await makeCertificates(Deno.args[0])));
} catch (error) {
  // The master adds the rest.
  console.error(messageOf((error as Error).cause ?? error));
  Deno.exit(1);
}
