import { replaceText } from "../message_of.ts";

/** What V8 says if an object lacks something that only its class has: methods, private members, an iterator. */
const LACKS_CLASS =
  /(?:\.[\p{L}\w$]{1,100} is not a function(?: or its return value is not iterable)?|is not (?:async )?iterable(?: \(cannot read property Symbol\(Symbol\.\w+\)\))?|^(?:Cannot (?:read|write) private member|Receiver must be) .*)$/u;
/** Longer messages do not come from V8. */
const MAX_LENGTH = 1000;
/** How many values of the arguments are looked at. */
const MAX_VALUES = 1000;

const OF_INSTANCE = "methods do not travel, and an instance of a class of your own " +
  "arrives as a plain object. Send its data, and make the object in the task";
const OF_BUFFER = "a Buffer of Node.js arrives as a Uint8Array. " +
  "Make one of its bytes in the task: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)";

/**
 * Adds to a task's error that methods do not travel, if that may be why it was thrown: one of its arguments is or contains a plain object,
 * which may have been an instance of a class, or bytes, which may have been a Buffer.
 *
 * @param thrown What the task threw; changed in place.
 * @param args The task's arguments.
 */
export function explainMissingMethod(thrown: unknown, args: readonly unknown[]): void {
  if (!(thrown instanceof TypeError)) return;
  const { message } = thrown;
  if (typeof message !== "string" || message.length > MAX_LENGTH || !LACKS_CLASS.test(message)) {
    return;
  }
  const reason = whatWasLost(args);
  if (reason === undefined) return;
  replaceText(thrown, "message", `${message}. If that is one of the task's arguments: ${reason}`);
}

function whatWasLost(args: readonly unknown[]): string | undefined {
  const values = new Set<unknown>(args);
  let hasBytes = false;
  for (const value of values) {
    if (typeof value !== "object" || value === null) continue;
    if (Object.getPrototypeOf(value) === Object.prototype) return OF_INSTANCE;
    hasBytes ||= value instanceof Uint8Array;
    if (!Array.isArray(value) && !(value instanceof Map) && !(value instanceof Set)) continue;
    for (const each of value.values()) {
      if (values.size >= MAX_VALUES) break;
      values.add(each);
    }
  }
  return hasBytes ? OF_BUFFER : undefined;
}
