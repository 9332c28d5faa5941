/**
 * Under which names and addresses slaves on other machines reach the master.
 *
 * @module
 */

import { messageOf } from "../../message_of.ts";
import { isAddress } from "./certificates.ts";

/** Where to listen, and what to tell slaves. */
export interface MasterAddress {
  /** Address to bind the listener to. */
  readonly bind: string;
  /** Names and addresses for slaves to try, in this order. */
  readonly hosts: readonly string[];
}

/**
 * Finds the address that other machines reach this one under.
 *
 * A host name is passed on, and its address with it, for slaves that cannot resolve it. A name that means only this
 * machine itself, as Debian's `127.0.1.1`, is not: the address of a network interface is taken instead.
 *
 * @param host Name or address that the user chose; by default this machine's host name.
 * @throws {Error} If the name does not resolve, or no interface has an address.
 */
export function findMasterAddress(host: string = Deno.hostname()): MasterAddress {
  if (isAnyAddress(host)) return { bind: host, hosts: [Deno.hostname(), ...ownAddresses()] };
  if (isAddress(host)) return { bind: host, hosts: [host] };
  const address = resolve(host);
  if (!isLoopback(address)) return { bind: address, hosts: [host, address] };
  if (host.toLowerCase() === "localhost") return { bind: address, hosts: [address] };
  const own = ownAddresses()[0];
  if (own === undefined) {
    throw new Error(
      `the host name ${host} means only this machine itself (${address}), and no network interface has an address`,
    );
  }
  return { bind: own, hosts: [own] };
}

/** The system's resolver, which knows `/etc/hosts` as well, is asked by listening at the name. */
function resolve(host: string): string {
  try {
    using listener = Deno.listen({ hostname: host, port: 0 });
    return listener.addr.hostname;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const reason = messageOf(cause);
    throw new Error(`the host name ${host} is not one of this machine: ${reason}`, { cause });
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** Whether an address means all interfaces: to be listened on, but not to be connected to. */
function isAnyAddress(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

/** The addresses of real network interfaces, IPv4 before IPv6. */
function ownAddresses(): string[] {
  const interfaces = Deno.networkInterfaces().filter(({ address }) =>
    !isLoopback(address) && !/^(fe80|169\.254\.)/i.test(address)
  );
  return interfaces.sort((a, b) => a.family.localeCompare(b.family)).map(({ address }) => address);
}
