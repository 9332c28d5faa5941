import { getterOf, hasSlot, malformed, propertyStep, type ValueType } from "./value_type.ts";

type TypedArray = Uint8Array<ArrayBuffer>;
type View = DataView<ArrayBuffer> | TypedArray;
type ViewConstructor =
  & { readonly name: string }
  & (new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => View);

const byteLengthOf = getterOf(ArrayBuffer.prototype, "byteLength");
/** Reads the name of a typed array's real class: `undefined` for everything else. */
const nameOfTypedArray = getterOf(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag);

/** `["ArrayBuffer"]`, or `["ArrayBuffer", maxByteLength]` for a resizable one. The bytes travel beside the text. */
const ARRAY_BUFFER_TYPE: ValueType<ArrayBuffer> = {
  name: "ArrayBuffer",
  is: (value): value is ArrayBuffer => value instanceof ArrayBuffer && hasSlot(byteLengthOf, value),
  encode(buffer, parts, writer): void {
    if (buffer.detached) writer.refuse("a detached ArrayBuffer");
    if (buffer.resizable) parts.push(buffer.maxByteLength);
    writer.addBuffer(buffer);
  },
  create([, maxByteLength], reader): ArrayBuffer {
    const bytes = reader.takeBytes();
    if (maxByteLength === undefined) return ownBuffer(bytes);
    if (!isSize(maxByteLength) || maxByteLength < bytes.length) {
      throw malformed(`${String(maxByteLength)} cannot be the maxByteLength of a buffer`);
    }
    const buffer = new ArrayBuffer(bytes.length, { maxByteLength });
    new Uint8Array(buffer).set(bytes);
    return buffer;
  },
};

/** Each typed array class and `DataView`: `[name, buffer, byteOffset, length]`. */
export const BUFFER_TYPES: readonly ValueType[] = [
  ARRAY_BUFFER_TYPE,
  ...[
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    BigInt64Array,
    BigUint64Array,
    Float16Array,
    Float32Array,
    Float64Array,
    DataView,
  ].map((constructor) => viewType(constructor as unknown as ViewConstructor)),
];

/**
 * The row for one class of view. Offset and length are left out when they are those of a view of the whole buffer, the
 * length also when the view follows the length of a resizable buffer.
 */
function viewType(constructor: ViewConstructor): ValueType<View> {
  const { name } = constructor;
  return {
    name,
    is: (value): value is View =>
      ArrayBuffer.isView(value) && (nameOfTypedArray.call(value) ?? "DataView") === name,
    encode(view, parts, writer): void {
      const { buffer } = view;
      if (buffer.detached) writer.refuse(`a ${name} of a detached ArrayBuffer`);
      if (isOutOfBounds(view)) writer.refuse(`a ${name} that is outside its resized ArrayBuffer`);
      parts.push(buffer);
      const isWhole = buffer.resizable
        ? followsLength(view)
        : view.byteOffset + view.byteLength === buffer.byteLength;
      if (!isWhole) parts.push(view.byteOffset, lengthOf(view));
      else if (view.byteOffset !== 0) parts.push(view.byteOffset);
    },
    create([, buffer, byteOffset, length], reader): View {
      for (const size of [byteOffset, length]) {
        if (size !== undefined && !isSize(size)) {
          throw malformed(`${name} has an odd offset or length`);
        }
      }
      // Whether they fit the buffer is checked, with a RangeError, by the constructor.
      return new constructor(reader.buffer(buffer), byteOffset as number, length as number);
    },
    step: () => propertyStep("buffer"),
  };
}

function lengthOf(view: View): number {
  return view instanceof DataView ? view.byteLength : view.length;
}

function isOutOfBounds(view: View): boolean {
  if (!view.buffer.resizable) return false;
  // Where the class has nothing that tells, its methods still throw.
  return !hasSlot(() => view instanceof DataView ? view.byteLength : view.at(0), view);
}

/** Whether a view changes its length with the buffer. Nothing tells but to shrink the buffer: that of a clone. */
function followsLength(view: View): boolean {
  const clone = structuredClone(view);
  clone.buffer.resize(clone.byteOffset);
  return !isOutOfBounds(clone);
}

function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes;
  const ownsAll = buffer instanceof ArrayBuffer && !buffer.resizable &&
    bytes.byteLength === buffer.byteLength;
  return ownsAll ? buffer : new Uint8Array(bytes).buffer;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
