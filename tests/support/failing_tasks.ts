/** Tasks and startup functions that fail in ways of their own. */

/** An error class that the master does not know. */
export class ValidationError extends RangeError {
  override name = "ValidationError";
  readonly code = 42;
  readonly fields: ReadonlyMap<string, string>;

  /** @param fields What is wrong, by field. */
  constructor(message: string, fields: ReadonlyMap<string, string>, options?: ErrorOptions) {
    super(message, options);
    this.fields = fields;
  }
}

/** Throws a built-in error. */
export function throwTypeError(x: number): never {
  throw new TypeError(`${x} is odd`);
}

/** Throws an error of a class of its own, with properties and two causes. */
export function throwValidationError(): never {
  throw new ValidationError("wrong", new Map([["name", "empty"]]), {
    cause: new SyntaxError("at line 3", { cause: "a comma" }),
  });
}

/** Rejects. */
export async function reject(): Promise<never> {
  await Promise.resolve();
  throw new URIError("rejected");
}

/** Throws whatever it is given. */
export function throwValue(value: unknown): never {
  throw value;
}

/** Throws an error that cannot be sent as it is. */
export function throwUncloneable(): never {
  throw Object.assign(new RangeError("with a function"), { close: () => {}, status: 500 });
}

/** Returns what cannot be sent. */
export function returnFunction(): unknown {
  return { steps: [1, { done: (): void => {} }] };
}

/** Throws for odd numbers. */
export function throwIfOdd(x: number): number {
  if (x % 2 === 1) throw new RangeError(`${x} is odd`);
  return x;
}

/** Ends its process. */
export function exit(code: number): never {
  Deno.exit(code);
}

/** Kills its process. */
export function killItself(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

/** Kills its process the first time: later the file is there. */
export function killItselfOnce(path: string): string {
  try {
    Deno.openSync(path, { write: true, createNew: true }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return "survived";
    throw error;
  }
  killItself();
  return "";
}

/** Kills its process for one input, and writes down each time that it is going to. */
export function killItselfAt(x: number, poison: number, path: string): number {
  if (x === poison) {
    Deno.writeTextFileSync(path, `${Deno.pid}\n`, { append: true });
    killItself();
  }
  return x;
}

/** Exits for one input, and writes down each time that it is going to. */
export function exitAt(x: number, poison: number, path: string): number {
  if (x === poison) {
    Deno.writeTextFileSync(path, `${Deno.pid}\n`, { append: true });
    Deno.exit(7);
  }
  return x;
}

/** Closes whatever its process has open, its connection to the master as well. */
export function closeEverything(): void {
  const internals = Reflect.get(Deno, Reflect.get(Deno, "internal")) as {
    core: { resources(): Record<string, string>; close(id: number): void };
  };
  for (const id of Object.keys(internals.core.resources())) internals.core.close(Number(id));
}

/** Prints many bytes. */
export function printMegabytes(count: number): number {
  const megabyte = new Uint8Array(1024 * 1024).fill(97);
  for (let i = 0; i < count; i++) {
    for (let written = 0; written < megabyte.length;) {
      written += Deno.stdout.writeSync(megabyte.subarray(written));
    }
  }
  return count;
}

/** Prints on both outputs. */
export function print(text: string): void {
  console.log(text, "to standard output");
  console.error(text, "to standard error");
}
