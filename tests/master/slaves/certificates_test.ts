import { assert } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { makeCertificates } from "../../../lib/master/slaves/certificates.ts";
import { performance } from "../../../lib/own_globals.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

Deno.test("makeCertificates: they are valid from a day ago by the date, also if it was set since the script started", async () => {
  const { now } = performance;
  // As if the script had begun before somebody set the date, by three years.
  performance.now = () => now() - 3 * 365 * DAY_MS;
  try {
    const { ca, cert } = await makeCertificates();
    for (const pem of [ca, cert]) {
      const { validFrom, validTo } = new X509Certificate(pem);
      const ageMs = Date.now() - Date.parse(validFrom);
      assert(ageMs >= DAY_MS && ageMs < 2 * DAY_MS, `valid from ${validFrom}`);
      assert(Date.parse(validTo) > Date.now() + 300 * DAY_MS, `valid until ${validTo}`);
    }
  } finally {
    performance.now = now;
  }
});
