/**
 * The types of what crosses between processes: what may be sent, and what arrives.
 *
 * @module
 */

/** A value that is copied completely: its copy has the same type. */
export type PlainValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | void
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  // A Buffer of Node.js, which alone has such a method, arrives as a Uint8Array.
  | (ArrayBufferView & { readonly toJSON?: undefined })
  | Map<PlainValue, PlainValue>
  | Set<PlainValue>
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue };

/** Code, which is not sent as a value. */
export type FunctionOrClass =
  | ((...args: never[]) => unknown)
  | (abstract new (...args: never[]) => unknown);

/** Collections that do not keep their content alive. */
export type WeakHolder = WeakMap<WeakKey, unknown> | WeakSet<WeakKey> | WeakRef<WeakKey>;

/**
 * The type of a value after it has been copied as `structuredClone` copies it: an instance of a class becomes a plain object, without its
 * methods. What cannot be sent is `never`.
 *
 * Three things that a type does not show are lost as well: what a getter of a class gives, `instanceof` for your own classes, and what a
 * class that derives from a built-in one, such as `Error` or `Array`, adds to it: its methods, and what cannot be sent.
 */
export type Cloned<Value> =
  // This is `any` or `unknown`.
  unknown extends Value ? Value
    // Asking what becomes of each item would never end for a map that holds maps of its own type.
    : Value extends ReadonlyMap<infer Key, infer Item>
      ? Value extends PlainValue ? Map<Key, Item> : Map<Cloned<Key>, Cloned<Item>>
    : Value extends ReadonlySet<infer Item>
      ? Value extends PlainValue ? Set<Item> : Set<Cloned<Item>>
    : Value extends PlainValue ? Value
    : Value extends Uint8Array<infer Memory> ? Uint8Array<Memory>
    : Value extends FunctionOrClass | symbol | PromiseLike<unknown> | WeakHolder ? never
    : Value extends readonly unknown[] ? { [Index in keyof Value]: Cloned<Value[Index]> }
    // A type that stays the same keeps its name.
    : Value[keyof Value] extends PlainValue ? Value
    : {
      [
        Name in keyof Value as Name extends symbol ? never
          : Value[Name] extends (...args: never[]) => unknown ? never
          : Name
      ]: Cloned<Value[Name]>;
    };

/** Stands in a compiler's message and says there why a value cannot be sent, and what to do. No such value exists. */
export interface CannotBeSent<Reason extends string> {
  /** Holds the type alone: there is no such property. */
  readonly "~reason": Reason;
}

/**
 * Why a value of a type cannot be sent, and what to do; an empty text if it can be sent.
 *
 * @typeParam Depths One element for each level of nested lists that is looked into: the type of JSON nests without end.
 */
export type FaultOf<Value, Depths extends readonly unknown[] = [1, 2, 3, 4]> =
  // This is `any`; `unknown` matches nothing below.
  0 extends 1 & Value ? ""
    : Value extends PromiseLike<unknown> ? "a promise cannot be sent: await it first"
    : Value extends
      { readonly "~signature": unknown } | { readonly "~run": unknown } | FunctionOrClass
      ? "a function cannot be sent: send what it makes, or import it in the task's module"
    : Value extends symbol ? "a symbol cannot be sent: send a text"
    : Value extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> ? ""
    : Value extends WeakHolder ? "what holds its content weakly cannot be sent: send a Map or a Set"
    : Value extends Iterator<unknown> | AsyncIterator<unknown>
      ? "an iterator cannot be sent: send an array of what it gives"
    : Value extends readonly (infer Item)[]
      ? Depths extends readonly [unknown, ...infer Deeper] ? FaultOf<Item, Deeper> : ""
    : "";

/** Whether there is a fault. */
export type IsFaulty<Value> = [FaultOf<Value>] extends [""] ? "no" : "yes";

/**
 * A value's own type if it may be sent; otherwise a type that says why not.
 *
 * It is written so that the compiler accepts a value whose type is a type parameter: what the parameter stands for is not known here, and
 * the value is checked when it is sent.
 */
export type Sendable<Value> = IsFaulty<Value> extends "yes"
  ? CannotBeSent<Exclude<FaultOf<Value>, "">>
  : Value;

/** What a list of arguments must be beside what the task wants: anything, or, if one of them cannot be sent, a type that says why. */
export type SendableList<Values extends readonly unknown[]> = IsFaulty<Values[number]> extends "yes"
  ? Sendables<Values>
  : unknown;

/** A list of arguments each of which may be sent. */
export type Sendables<Values extends readonly unknown[]> = {
  [Index in keyof Values]: Sendable<Values[Index]>;
};
