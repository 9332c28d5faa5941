import { assertEquals } from "@std/assert";
import { addressLines } from "../../../../lib/master/observe/dashboard/addresses.ts";

function linesOf(
  host: string,
  variables: Record<string, string> = {},
  hostname: string | undefined = "nodeA",
): string[] {
  const variable = (name: string) => variables[name];
  return addressLines({ host, port: 8787, token: "abc" }, { hostname, variable });
}

const OWN = "parallel: the page of this run is http://127.0.0.1:8787/?token=abc";
const TUNNEL = "parallel: from your own machine first: ssh -N -L 8787:127.0.0.1:8787";

Deno.test("addressLines: on the terminal's own machine it is the address alone", () => {
  assertEquals(linesOf("127.0.0.1", { USER: "ann" }), [OWN]);
});

Deno.test("addressLines: in a login by ssh there is the command that brings the page", () => {
  const variables = { USER: "ann", SSH_CONNECTION: "10.0.0.9 50000 10.0.0.5 22" };
  assertEquals(linesOf("127.0.0.1", variables), [OWN, `${TUNNEL} ann@nodeA`]);
  const unnamed = addressLines(
    { host: "127.0.0.1", port: 8787, token: "abc" },
    { hostname: undefined, variable: (name) => ({ SSH_CONNECTION: "a 1 10.0.0.5 22" })[name] },
  );
  assertEquals(unnamed, [OWN, `${TUNNEL} 10.0.0.5`]);
});

for (
  const [scheduler, variables] of Object.entries<Record<string, string>>({
    "Grid Engine": { JOB_ID: "7", SGE_JOB_SPOOL_DIR: "/spool", SGE_O_HOST: "login" },
    Slurm: { SLURM_JOB_ID: "7", SLURM_SUBMIT_HOST: "login" },
    PBS: { PBS_JOBID: "7.x", PBS_O_HOST: "login" },
  })
) {
  Deno.test(`addressLines: in a job of ${scheduler} the command goes by way of the submit host`, () => {
    const lines = linesOf("127.0.0.1", { USER: "ann", ...variables });
    assertEquals(lines, [OWN, `${TUNNEL} -J ann@login ann@nodeA`]);
  });
}

Deno.test("addressLines: where others can connect it warns that it is plain HTTP, and names this machine", () => {
  const [address, warning] = linesOf("0.0.0.0");
  assertEquals(address, OWN.replace("127.0.0.1", "nodeA"));
  assertEquals(
    warning,
    "parallel: the page is plain HTTP on 0.0.0.0: whoever can listen in on that network reads it, and its token. " +
      "Without the host it is for this machine alone, and ssh -L brings it to yours",
  );
});

Deno.test("addressLines: an address of IPv6 stands in brackets", () => {
  const variables = { SSH_CONNECTION: "a 1 b 2" };
  assertEquals(linesOf("::1", variables), [
    "parallel: the page of this run is http://[::1]:8787/?token=abc",
    "parallel: from your own machine first: ssh -N -L 8787:[::1]:8787 nodeA",
  ]);
});
