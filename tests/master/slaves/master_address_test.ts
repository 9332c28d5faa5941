import { assert, assertEquals, assertThrows } from "@std/assert";
import { findMasterAddress } from "../../../lib/master/slaves/master_address.ts";

Deno.test("findMasterAddress: of a name that does not resolve it says why; what to do is said by who asked, once", () => {
  const { message } = assertThrows(() => findMasterAddress("no-such-host.invalid"), Error);
  assert(message.startsWith("the host name no-such-host.invalid is not one of this machine: "));
  assert(!message.includes("Set the option"), message);
});

Deno.test("findMasterAddress: localhost means this machine, in whatever letters", () => {
  const { hosts } = findMasterAddress("localhost");
  assertEquals(findMasterAddress("LOCALHOST").hosts, hosts);
});
