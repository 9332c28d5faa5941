import { getterOf, hasSlot, malformed, propertyStep, type ValueType } from "./value_type.ts";

type TypedArray = Uint8Array<ArrayBuffer>;
type View = DataView<ArrayBuffer> | TypedArray;
type ViewConstructor =
  & { readonly name: string; readonly prototype: View }
  & (new (buffer: ArrayBuffer, byteOffset?: number, length?: number) => View);

const byteLengthOf = getterOf<number>(ArrayBuffer.prototype, "byteLength");
const maxByteLengthOf = getterOf<number>(ArrayBuffer.prototype, "maxByteLength");
const isResizable = getterOf<boolean>(ArrayBuffer.prototype, "resizable");
const isDetached = getterOf<boolean>(ArrayBuffer.prototype, "detached");
const { resize } = ArrayBuffer.prototype;

const typedArrayPrototype: object = Object.getPrototypeOf(Uint8Array.prototype);
/** Reads the name of a typed array's real class: `undefined` for everything else. */
const nameOfTypedArray = getterOf<string | undefined>(typedArrayPrototype, Symbol.toStringTag);
/** Slots of typed arrays and of views of class `DataView`. */
const SLOTS = {
  typedArray: slotsOf(typedArrayPrototype, "length"),
  dataView: slotsOf(DataView.prototype, "byteLength"),
};

/** `["ArrayBuffer"]`, or `["ArrayBuffer", maxByteLength]` for a resizable one. The bytes travel beside the text. */
const ARRAY_BUFFER_TYPE: ValueType<ArrayBuffer> = {
  name: "ArrayBuffer",
  prototypes: [ArrayBuffer.prototype],
  is: (value): value is ArrayBuffer => hasSlot(byteLengthOf, value),
  encode(buffer, parts, writer): void {
    if (isDetached.call(buffer)) writer.refuse("a detached ArrayBuffer");
    if (isResizable.call(buffer)) parts.push(maxByteLengthOf.call(buffer));
    writer.addBuffer(buffer);
  },
  takesBytes: true,
  create(parts, reader): ArrayBuffer {
    const bytes = reader.takeBytes();
    const maxByteLength = parts[1];
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
 * The row for one class of view. Offset and length are left out for a view of the whole buffer, and the length also when the view follows
 * the length of a resizable buffer.
 */
function viewType(constructor: ViewConstructor): ValueType<View> {
  const { name, prototype } = constructor;
  const isDataView = name === "DataView";
  const { bufferOf, byteOffsetOf, lengthOf } = isDataView ? SLOTS.dataView : SLOTS.typedArray;
  const elementBytes = isDataView ? 1 : (prototype as TypedArray).BYTES_PER_ELEMENT;

  return {
    name,
    prototypes: [prototype],
    is: (value): value is View =>
      ArrayBuffer.isView(value) && (nameOfTypedArray.call(value) ?? "DataView") === name,
    encode(view, parts, writer): void {
      const buffer = bufferOf.call(view);
      parts.push(buffer);
      // Shared memory is not an ArrayBuffer: the encoder refuses it when it comes to this part.
      if (!hasSlot(byteLengthOf, buffer)) return;
      if (isDetached.call(buffer)) writer.refuse(`a ${name} of a detached ArrayBuffer`);
      if (isOutOfBounds(view)) writer.refuse(`a ${name} that is outside its resized ArrayBuffer`);
      const byteOffset = byteOffsetOf.call(view);
      const end = byteOffset + lengthOf.call(view) * elementBytes;
      const isWhole = isResizable.call(buffer)
        ? followsLength(view, buffer)
        : end === byteLengthOf.call(buffer);
      if (!isWhole) parts.push(byteOffset, lengthOf.call(view));
      else if (byteOffset !== 0) parts.push(byteOffset);
    },
    create(parts, reader): View {
      const byteOffset = parts[2];
      const length = parts[3];
      const isOdd = byteOffset !== undefined && !isSize(byteOffset) ||
        length !== undefined && !isSize(length);
      if (isOdd) throw malformed(`${name} has an odd offset or length`);
      // The constructor checks whether they fit the buffer, and throws a RangeError.
      return new constructor(reader.buffer(parts[1]), byteOffset, length);
    },
    step: () => propertyStep("buffer"),
  };

  function isOutOfBounds(view: View): boolean {
    if (isDataView) return !hasSlot(lengthOf, view);
    // A typed array outside of its shrunken buffer shows length 0 and offset 0, and its methods throw.
    return lengthOf.call(view) === 0 && !hasSlot(Uint8Array.prototype.keys, view);
  }

  /**
   * Whether a view changes its length with the buffer. The only way to find out is to resize the buffer, by as little as possible, and
   * back. A buffer that cannot be resized has no such view.
   */
  function followsLength(view: View, buffer: ArrayBuffer): boolean {
    const length = lengthOf.call(view);
    const byteLength = byteLengthOf.call(buffer);
    const end = byteOffsetOf.call(view) + length * elementBytes;
    if (byteLength - end >= elementBytes) return false;
    if (end + elementBytes <= maxByteLengthOf.call(buffer)) {
      if (!tryToResize(buffer, end + elementBytes)) return true;
      const follows = lengthOf.call(view) !== length;
      resize.call(buffer, byteLength);
      return follows;
    }
    if (length === 0) return true;
    const last = new Uint8Array(buffer, end - 1).slice();
    if (!tryToResize(buffer, end - 1)) return true;
    const follows = !isOutOfBounds(view);
    resize.call(buffer, byteLength);
    new Uint8Array(buffer).set(last, end - 1);
    return follows;
  }
}

/** @returns Whether the buffer has the new length. Memory of WebAssembly grows by whole pages only. */
function tryToResize(buffer: ArrayBuffer, byteLength: number): boolean {
  try {
    resize.call(buffer, byteLength);
    return true;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return false;
    throw error;
  }
}

function slotsOf(prototype: object, length: string): {
  readonly bufferOf: (this: object) => ArrayBuffer;
  readonly byteOffsetOf: (this: object) => number;
  /** In elements; a `DataView` has bytes. */
  readonly lengthOf: (this: object) => number;
} {
  return {
    bufferOf: getterOf(prototype, "buffer"),
    byteOffsetOf: getterOf(prototype, "byteOffset"),
    lengthOf: getterOf(prototype, length),
  };
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
