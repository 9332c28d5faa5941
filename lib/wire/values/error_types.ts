import {
  getterOf,
  hasSlot,
  malformed,
  type Parts,
  type PartsReader,
  propertyStep,
  readProperties,
  type ValueType,
} from "./value_type.ts";

/** Makes an empty error of each built-in class. Other classes become the last of these that they derive from. */
const ERROR_MAKERS: ReadonlyMap<unknown, () => Error> = new Map<unknown, () => Error>([
  ["Error", () => new Error()],
  ["EvalError", () => new EvalError()],
  ["RangeError", () => new RangeError()],
  ["ReferenceError", () => new ReferenceError()],
  ["SyntaxError", () => new SyntaxError()],
  ["TypeError", () => new TypeError()],
  ["URIError", () => new URIError()],
  ["AggregateError", () => new AggregateError([])],
  ["SuppressedError", () => new SuppressedError(undefined, undefined)],
]);

/** Properties that built-in errors hold without showing them to `for … in`, and that clones therefore hide as well. */
const HIDDEN_KEYS: ReadonlySet<unknown> = new Set(["message", "stack", "cause", "name"]);

/** Hidden properties of single classes. Other errors may show properties of these names. */
const HIDDEN_KEYS_OF_CLASS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["AggregateError", ["errors"]],
  ["SuppressedError", ["error", "suppressed"]],
]);

/** Classes that `structuredClone` chooses by the `name` of an error, whatever it really is. */
const CLASSES_CHOSEN_BY_NAME: ReadonlySet<unknown> = new Set(
  [...ERROR_MAKERS.keys()].filter((name) => !HIDDEN_KEYS_OF_CLASS.has(name)),
);

/** `["Error", class, key, value, …]`, the properties in the order message, stack, cause, name, own ones. */
export const ERROR_TYPE: ValueType<Error> = {
  name: "Error",
  is: (value): value is Error => Error.isError(value),
  encode(error, parts): void {
    const { name } = error;
    const className = classNameOf(error, name);
    parts.push(className);
    const message = Object.getOwnPropertyDescriptor(error, "message");
    if (message !== undefined && "value" in message) parts.push("message", String(message.value));
    pushStackAndCause(error, parts);
    if (typeof name === "string" && name !== className) parts.push("name", name);
    for (const key of HIDDEN_KEYS_OF_CLASS.get(className) ?? []) {
      if (Object.hasOwn(error, key)) parts.push(key, Reflect.get(error, key));
    }
    pushOwnProperties(error, className, parts);
  },
  create([, className]): Error {
    const make = ERROR_MAKERS.get(className);
    if (make === undefined) throw malformed(`${String(className)} is no class of errors`);
    return make();
  },
  fill(error, parts, reader): void {
    fillError(error, parts, 2, reader);
  },
  step: (parts, index) => propertyStep(String(parts[index - 1])),
};

const nameOfDOMException = getterOf(DOMException.prototype, "name");

/** `["DOMException", message, name, key, value, …]`; its code follows from its name. */
export const DOM_EXCEPTION_TYPE: ValueType<DOMException> = {
  name: "DOMException",
  is: (value): value is DOMException =>
    value instanceof DOMException && hasSlot(nameOfDOMException, value),
  encode(exception, parts): void {
    parts.push(exception.message, exception.name);
    pushStackAndCause(exception, parts);
    pushOwnProperties(exception, "DOMException", parts);
  },
  create([, message, name]): DOMException {
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

function classNameOf(error: Error, name: unknown): string {
  if (CLASSES_CHOSEN_BY_NAME.has(name)) return name as string;
  let className = "Error";
  for (const candidate of ERROR_MAKERS.keys()) {
    const constructor: unknown = Reflect.get(globalThis, candidate as string);
    if (typeof constructor === "function" && error instanceof constructor) {
      className = candidate as string;
    }
  }
  return className;
}

function pushStackAndCause(error: Error, parts: Parts): void {
  if (typeof error.stack === "string") parts.push("stack", error.stack);
  if (Object.hasOwn(error, "cause")) parts.push("cause", error.cause);
}

/** Pushes what structuredClone leaves out. It would not refuse an error for any of this, so neither do we. */
function pushOwnProperties(error: Error, className: string, parts: Parts): void {
  const hiddenOfClass = HIDDEN_KEYS_OF_CLASS.get(className) ?? [];
  for (const key of Object.keys(error)) {
    if (HIDDEN_KEYS.has(key) || hiddenOfClass.includes(key)) continue;
    try {
      const value: unknown = Reflect.get(error, key);
      structuredClone(value);
      parts.push(key, value);
    } catch {
      // A getter that throws or a value that cannot be cloned: the error itself is worth more than this property.
    }
  }
}

function fillError(error: Error, parts: Parts, start: number, reader: PartsReader): void {
  const hiddenOfClass = HIDDEN_KEYS_OF_CLASS.get(parts[1]) ?? [];
  error.stack = undefined;
  readProperties(parts, start, reader, (key, value) => {
    if (typeof key !== "string") throw malformed("a property of an error has no name");
    if (key === "stack") {
      if (typeof value !== "string") throw malformed("the stack of an error is no text");
      error.stack = value;
      return;
    }
    if ((key === "message" || key === "name") && typeof value !== "string") {
      throw malformed(`the ${key} of an error is no text`);
    }
    const enumerable = !HIDDEN_KEYS.has(key) && !hiddenOfClass.includes(key);
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  });
}
