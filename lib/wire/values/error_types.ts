import { describe } from "./describe.ts";
import {
  getterOf,
  hasSlot,
  malformed,
  type Parts,
  type PartsReader,
  type PartsWriter,
  propertyStep,
  readProperties,
  type ValueType,
} from "./value_type.ts";

/** Properties that built-in errors hide from `for … in`, and that clones therefore hide as well. */
const HIDDEN_KEYS: ReadonlySet<unknown> = new Set(["message", "stack", "cause", "name"]);

/** Hidden properties of particular classes. Other errors may show properties with these names. */
const HIDDEN_KEYS_OF_CLASS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["AggregateError", ["errors"]],
  ["SuppressedError", ["error", "suppressed"]],
]);

/** Classes that `structuredClone` chooses by the `name` of an error, whatever it really is. */
const CLASSES_CHOSEN_BY_NAME: ReadonlyMap<unknown, ErrorConstructor> = new Map<
  unknown,
  ErrorConstructor
>([
  ["Error", Error],
  ["EvalError", EvalError],
  ["RangeError", RangeError],
  ["ReferenceError", ReferenceError],
  ["SyntaxError", SyntaxError],
  ["TypeError", TypeError],
  ["URIError", URIError],
]);

/** Makes an empty error of each built-in class. An error of another class becomes the last of these that it derives from. */
const ERROR_MAKERS: ReadonlyMap<unknown, () => Error> = new Map<unknown, () => Error>([
  ...[...CLASSES_CHOSEN_BY_NAME].map(([name, constructor]) =>
    [name, stockOf(constructor)] as const
  ),
  ["AggregateError", () => new AggregateError([])],
  ["SuppressedError", () => new SuppressedError(undefined, undefined)],
]);

/** A Deno that is too old has no `SuppressedError`. It must get as far as saying that it is too old. */
const GATHERING_CLASSES = [AggregateError, globalThis.SuppressedError ?? AggregateError];

/** `["Error", class, key, value, …]`, the properties in the order message, stack, cause, name, own ones. */
export const ERROR_TYPE: ValueType<Error> = {
  name: "Error",
  prototypes: [...CLASSES_CHOSEN_BY_NAME.values(), ...GATHERING_CLASSES].map((
    { prototype },
  ) => prototype),
  is: (value): value is Error => Error.isError(value),
  encode(error, parts, writer): void {
    const { name } = error;
    const className = classNameOf(error, name);
    parts.push(className);
    const message = Object.getOwnPropertyDescriptor(error, "message");
    if (message !== undefined && "value" in message) parts.push("message", String(message.value));
    pushStackAndCause(error, parts);
    if (typeof name === "string" && name !== className) parts.push("name", name);
    for (const key of HIDDEN_KEYS_OF_CLASS.get(className) ?? []) {
      if (Object.hasOwn(error, key)) {
        const gathered: unknown = Reflect.get(error, key);
        parts.push(key, sendableErrors(gathered, (each) => writer.isSendable(each)));
      }
    }
    pushOwnProperties(error, className, parts, writer);
  },
  create(parts): Error {
    const make = ERROR_MAKERS.get(parts[1]);
    if (make === undefined) throw malformed(`${String(parts[1])} is no class of errors`);
    return make();
  },
  fill(error, parts, reader): void {
    fillError(error, parts, 2, reader, HIDDEN_KEYS_OF_CLASS.get(parts[1]));
  },
  step: (parts, index) => propertyStep(String(parts[index - 1])),
};

const nameOfDOMException = getterOf<string>(DOMException.prototype, "name");
const messageOfDOMException = getterOf<string>(DOMException.prototype, "message");

/** `["DOMException", message, name, key, value, …]`; its code follows from its name. */
export const DOM_EXCEPTION_TYPE: ValueType<DOMException> = {
  name: "DOMException",
  prototypes: [DOMException.prototype],
  is: (value): value is DOMException => hasSlot(nameOfDOMException, value),
  encode(exception, parts, writer): void {
    parts.push(messageOfDOMException.call(exception), nameOfDOMException.call(exception));
    pushStackAndCause(exception, parts);
    pushOwnProperties(exception, "DOMException", parts, writer);
  },
  create(parts): DOMException {
    const message = parts[1];
    const name = parts[2];
    if (typeof message !== "string" || typeof name !== "string") {
      throw malformed("the message or name of a DOMException is no text");
    }
    return new DOMException(message, name);
  },
  fill(exception, parts, reader): void {
    fillError(exception, parts, 3, reader);
  },
  step: (parts, index) => propertyStep(String(parts[index - 1])),
};

/** A property of an error; nothing if a getter throws: the error itself is worth more than this property. */
export function readIfPossible(error: Error, key: string): unknown {
  try {
    return Reflect.get(error, key);
  } catch {
    return undefined;
  }
}

/**
 * Makes an error of the same built-in class as another, with its message, stack and name and nothing else.
 *
 * @param read Reads a property of the other error.
 */
export function bareCopyOf(error: Error, read = readIfPossible): Error {
  const name = read(error, "name");
  const className = classNameOf(error, name);
  const copy = ERROR_MAKERS.get(className)!();
  const hide = (key: string, value: string) =>
    Object.defineProperty(copy, key, { value, writable: true, configurable: true });
  hide("message", String(read(error, "message") ?? ""));
  if (typeof name === "string" && name !== className) hide("name", name);
  const stack = read(error, "stack");
  copy.stack = typeof stack === "string" ? stack : undefined;
  return copy;
}

/** Hidden properties that an error has because of its class: `errors` and the like. */
export function errorKeysOf(error: Error): readonly string[] {
  return HIDDEN_KEYS_OF_CLASS.get(classNameOf(error, undefined)) ?? [];
}

/**
 * Makes empty errors. `new Error()` takes 2.5 µs, mostly for a stack that is not wanted. Cloning one without a stack takes 0.4 µs if
 * several are cloned together. So where many are needed they are taken from a stock of clones.
 */
function stockOf(constructor: ErrorConstructor): () => Error {
  const size = 64;
  let made = 0;
  let originals: Error[] | undefined;
  let stock: Error[] = [];
  return () => {
    if (stock.length === 0) {
      if (made++ < size) return new constructor();
      originals ??= Array.from({ length: size }, () => {
        const original = new constructor();
        delete original.stack;
        return original;
      });
      stock = structuredClone(originals);
    }
    return stock.pop()!;
  };
}

/** The built-in class of an error, or the one that its class derives from, of whatever realm. */
function classNameOf(error: Error, name: unknown): string {
  if (CLASSES_CHOSEN_BY_NAME.has(name)) return name as string;
  for (
    let prototype: unknown = Object.getPrototypeOf(error);
    typeof prototype === "object" && prototype !== null;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const className: unknown = Object.getOwnPropertyDescriptor(prototype, "name")?.value;
    if (ERROR_MAKERS.has(className) && Object.hasOwn(prototype, "constructor")) {
      return className as string;
    }
  }
  return "Error";
}

function pushStackAndCause(error: Error, parts: Parts): void {
  const { stack } = error;
  if (typeof stack === "string") parts.push("stack", stack);
  if (Object.hasOwn(error, "cause")) parts.push("cause", error.cause);
}

/** Pushes what structuredClone leaves out. It would not refuse an error because of any of this, so we do not either. */
function pushOwnProperties(
  error: Error,
  className: string,
  parts: Parts,
  writer: PartsWriter,
): void {
  const keys = Object.keys(error);
  if (keys.length === 0) return;
  const hiddenOfClass = HIDDEN_KEYS_OF_CLASS.get(className) ?? [];
  for (const key of keys) {
    if (HIDDEN_KEYS.has(key) || hiddenOfClass.includes(key)) continue;
    try {
      const value: unknown = Reflect.get(error, key);
      if (writer.isSendable(value)) parts.push(key, value);
    } catch {
      // A getter threw: the error itself is worth more than this property.
    }
  }
}

/**
 * What an `AggregateError` or `SuppressedError` gathers. A stand-in error replaces each element that cannot be sent or contains what
 * cannot: `structuredClone` leaves out all of them, and would not refuse the error because of them.
 */
export function sendableErrors(
  gathered: unknown,
  isSendable: (value: unknown) => boolean,
): unknown {
  if (isSendable(gathered)) return gathered;
  if (!Array.isArray(gathered)) return standInFor(gathered);
  // Not by map(): the array may be of a class that has its own map(), or makes another class of the result.
  const errors: unknown[] = [];
  for (let i = 0; i < gathered.length; i++) {
    const each: unknown = gathered[i];
    errors.push(isSendable(each) ? each : standInFor(each));
  }
  return errors;
}

function standInFor(value: unknown): Error {
  if (Error.isError(value)) return bareCopyOf(value);
  const standIn = new Error(
    `${describeIfPossible(value)}, which cannot be sent to another process`,
  );
  // Its stack would begin where it is made, which is no place in the user's code.
  standIn.stack = String(standIn);
  return standIn;
}

function describeIfPossible(value: unknown): string {
  try {
    return describe(value);
  } catch {
    // Its own code tells of its class, and throws.
    return "what cannot be described";
  }
}

/** @param hiddenOfClass Properties that errors of its class hide. */
function fillError(
  error: Error,
  parts: Parts,
  start: number,
  reader: PartsReader,
  hiddenOfClass: readonly string[] = [],
): void {
  let stack: string | undefined;
  readProperties(parts, start, reader, (key, value) => {
    if (typeof key !== "string") throw malformed("a property of an error has no name");
    if (key === "stack") {
      if (typeof value !== "string") throw malformed("the stack of an error is no text");
      stack = value;
      return;
    }
    if ((key === "message" || key === "name") && typeof value !== "string") {
      throw malformed(`the ${key} of an error is no text`);
    }
    const enumerable = !HIDDEN_KEYS.has(key) && !hiddenOfClass.includes(key);
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  });
  error.stack = stack;
}
