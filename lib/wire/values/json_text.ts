/** Whether a value is a primitive that JSON keeps as it is. */
export function isExact(value: unknown): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return isExactNumber(value);
    default:
      return value === null;
  }
}

/** Whether it is a number, finite and not -0, which JSON holds as it is. */
export function isExactNumber(value: unknown): value is number {
  return Number.isFinite(value) && !Object.is(value, -0);
}

/**
 * Does what `JSON.stringify` does, without asking any `toJSON` method for another value.
 *
 * @param json Primitives, plain objects and arrays.
 * @param root What the value is called in error messages.
 * @throws {RangeError} If the text is too long for a string, or V8 gives up on deep nesting, which it does (at some
 * thousand levels) only where objects have unusual keys.
 */
export function stringify(json: unknown, root: string): string {
  try {
    if (typeof json === "string" || !hasToJson(json)) return JSON.stringify(json);
    // Somebody gave every object a toJSON method, or this one. The replacer has the last word.
    return JSON.stringify(json, function (this: Record<string, unknown>, key: string): unknown {
      return this[key];
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const why = error.message.includes("string length")
      ? "its JSON text is longer than the longest string that V8 can make (536,870,888 characters)"
      : "it is nested too deeply";
    throw new RangeError(
      `Cannot send ${root}: ${why}. Divide it among several tasks, or send numbers as typed arrays`,
      { cause: error },
    );
  }
}

function hasToJson(json: unknown): boolean {
  const everyArray = Array.prototype as { toJSON?: unknown };
  return everyArray.toJSON !== undefined ||
    (Array.isArray(json) && Object.getPrototypeOf(json) !== Array.prototype);
}
