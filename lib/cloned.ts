/**
 * The types of what crosses between processes: what may be sent, and what arrives.
 *
 * @module
 */

/** A value that is copied with nothing left behind: its copy has its type. */
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

/** What does not keep its content alive. */
export type WeakHolder = WeakMap<WeakKey, unknown> | WeakSet<WeakKey> | WeakRef<WeakKey>;

/**
 * The type of a value after it has been copied, as `structuredClone` would: of an instance of a class a plain object is
 * left, without its methods. What cannot be sent is `never`.
 *
 * Three things that a type does not tell are lost as well: what a getter of a class gives, a class's own `instanceof`, and what a
 * class that derives from a built-in one, such as `Error` or `Array`, has beside that: its methods, and what cannot be sent.
 */
export type Cloned<Value> =
  // This is `any` or `unknown`.
  unknown extends Value ? Value
    // To ask what becomes of each of its items would have no end where a map holds others of its type.
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

/** Stands in a message of the compiler, where it says why a value cannot be sent, and what to do. There is no such value. */
export interface CannotBeSent<Reason extends string> {
  /** Holds the type alone: there is no such property. */
  readonly "~reason": Reason;
}

/**
 * Why a value of a type cannot be sent, and what to do; an empty text if it may be.
 *
 * @typeParam Depths One element for each list within another that is looked into: that of JSON has no innermost one.
 */
export type FaultOf<Value, Depths extends readonly unknown[] = [1, 2, 3, 4]> =
  // This is `any`; `unknown` is none of what follows.
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
 * A value's own type if it may be sent; otherwise what says why it cannot.
 *
 * It is written so that the compiler takes a value of a type parameter: what that stands for is not known, and is looked at when
 * the value is sent.
 */
export type Sendable<Value> = IsFaulty<Value> extends "yes"
  ? CannotBeSent<Exclude<FaultOf<Value>, "">>
  : Value;

/** What a list of arguments has to be beside what the task wants: anything, or, if one of them cannot be sent, what says why. */
export type SendableList<Values extends readonly unknown[]> = IsFaulty<Values[number]> extends "yes"
  ? Sendables<Values>
  : unknown;

/** A list of arguments of which each may be sent. */
export type Sendables<Values extends readonly unknown[]> = {
  [Index in keyof Values]: Sendable<Values[Index]>;
};
