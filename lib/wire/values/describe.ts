/** @returns What a value is, with an article, for messages: `a function`, `a Promise`, `an Intl.Locale`. */
export function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return `a ${typeof value}`;
  let name = tagOf(value);
  if (name === "Object") {
    const constructor: unknown = Reflect.get(value, "constructor");
    if (typeof constructor === "function" && constructor !== Object) name = constructor.name;
  }
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name}`;
}

/** @returns What `Object.prototype.toString` calls an object: its `Symbol.toStringTag`, or else what it really is. */
export function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
