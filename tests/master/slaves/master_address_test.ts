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

Deno.test("findMasterAddress: where no host is chosen, a machine with several networks is listened on all, and each is told", () => {
  const machine = { hostName: "localhost", addresses: ["10.0.0.1", "10.1.0.1", "fd00::1"] };
  assertEquals(findMasterAddress(undefined, machine), {
    bind: "0.0.0.0",
    hosts: ["127.0.0.1", "10.0.0.1", "10.1.0.1"],
  });
  const many = { ...machine, addresses: Array.from({ length: 99 }, (_, i) => `10.0.0.${i}`) };
  assertEquals(findMasterAddress(undefined, many).hosts.length, 6);
});

Deno.test("findMasterAddress: a host that is chosen is the only one", () => {
  const machine = { hostName: "localhost", addresses: ["10.0.0.1", "10.1.0.1"] };
  assertEquals(findMasterAddress("10.1.0.1", machine), { bind: "10.1.0.1", hosts: ["10.1.0.1"] });
  assertEquals(findMasterAddress("localhost", machine).bind, "127.0.0.1");
});
