/**
 * Looks at the page of a run, as a browser does, until its standard input ends; then prints what it was sent.
 *
 * @module
 */

const [address] = Deno.args;
const startMs = performance.now();
const page = await (await fetch(address)).text();
const [, viewer, first] = /data-viewer="(\w+)" data-frame="(\d+)"/.exec(page)!;
let since = first;
let bytes = 0;
let frames = 0;
let isSeen = true;

async function follow(): Promise<void> {
  while (isSeen) {
    const url = new URL(address);
    url.pathname = "/state";
    url.searchParams.set("viewer", viewer);
    url.searchParams.set("since", since);
    const body = await (await fetch(url)).bytes();
    bytes += body.length;
    frames++;
    since = JSON.parse(new TextDecoder().decode(body)).frame;
  }
}

const following = follow();
for await (const _ of Deno.stdin.readable) {
  // It is told to end by the end.
}
isSeen = false;
await following;
const seconds = (performance.now() - startMs) / 1000;
console.log(
  JSON.stringify({ kilobytesPerSecond: bytes / 1000 / seconds, framesPerSecond: frames / seconds }),
);
