import { isRemoteModule, remoteTarget } from "../remote.ts";
import type { Code, CodeReference } from "../task.ts";
import { modulesOf } from "./journal/code_files.ts";

/** What a task consists of: code, and for an object the arguments of its constructor. */
export interface ResolvedTask {
  readonly code: Code;
  readonly constructorArgs?: readonly unknown[];
}

/** Numbers the pieces of code that a manager's tasks refer to. */
export class CodeRegistry {
  readonly #byReference = new Map<CodeReference, Code>();
  readonly #bySource = new Map<string, Code>();
  readonly #byFunction = new WeakMap<object, ResolvedTask>();
  readonly #modules = new Set<string>();
  readonly #watched = new Set<string>();
  #count = 0;

  /** URLs or specifiers of all modules that tasks have referred to so far. */
  get modules(): ReadonlySet<string> {
    return this.#modules;
  }

  /** The same, plus the files that inline functions import: changes in these change the code of tasks. */
  get watched(): ReadonlySet<string> {
    return this.#watched;
  }

  /**
   * Finds out what a user means by a task.
   *
   * @param task An export of a remote module, a remote object, or an inline function.
   * @param use Its use in error messages: `task`, `startup function`.
   * @throws {TypeError} If it is none of these.
   */
  resolve(task: unknown, use: string): ResolvedTask {
    // Looked up first, because the function of most tasks is already known.
    const known = typeof task === "function" ? this.#byFunction.get(task) : undefined;
    if (known !== undefined) return known;
    const target = remoteTarget(task);
    if (target !== undefined) {
      const code = this.#codeOf(target.reference);
      if (target.constructorArgs !== undefined) {
        return { code, constructorArgs: target.constructorArgs };
      }
      return this.#know(task as object, { code });
    }
    if (typeof task !== "function") throw new TypeError(notATask(task, use));
    return this.#know(task, { code: this.#inline(task, use) });
  }

  #know(task: object, resolved: ResolvedTask): ResolvedTask {
    this.#byFunction.set(task, resolved);
    return resolved;
  }

  #codeOf(reference: CodeReference): Code {
    let code = this.#byReference.get(reference);
    if (code === undefined) {
      code = { number: this.#count++, reference };
      this.#byReference.set(reference, code);
      if (reference.type !== "inline") this.#modules.add(reference.module);
      for (const module of modulesOf(reference)) this.#watched.add(module);
    }
    return code;
  }

  /** A function that a loop makes repeatedly has the same source each time, and counts as one piece of code. */
  // deno-lint-ignore ban-types -- any function a user may pass
  #inline(fn: Function, use: string): Code {
    const source = Function.prototype.toString.call(fn);
    if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
      throw new TypeError(
        `Cannot use the ${use} "${fn.name}": it is a native or bound function, whose source cannot be sent. ` +
          `Wrap it: (...args) => ${
            fn.name.replace(/^bound /, "") || "fn"
          }(...args), or export it from a module and use remote()`,
      );
    }
    if (/^class\b(?!\s*\()/.test(source)) {
      throw new TypeError(
        `Cannot use the class "${fn.name}" as ${use}: export it from a module, name that with remote(), and pass new tasks.${fn.name}(…)`,
      );
    }
    let code = this.#bySource.get(source);
    if (code === undefined) {
      code = this.#codeOf({ type: "inline", name: fn.name, source });
      this.#bySource.set(source, code);
    }
    return code;
  }
}

function notATask(value: unknown, use: string): string {
  let given = Deno.inspect(value, { depth: 0, strAbbreviateSize: 100 });
  let hint = "";
  if (isRemoteModule(value)) {
    given = "the remote module itself";
    hint = ". Name one of its exports, as in tasks.distance";
  } else if (value instanceof Promise) {
    hint = ". Await it first";
  } else if (typeof value === "string") {
    hint =
      ". The name of a file or of a function is none. Name the module by remote(), and give its export, as in tasks.distance";
  } else if (typeof value === "object" && value !== null && "run" in value) {
    hint =
      ". An object made here stays here: make it from a remote module, as in new tasks.Distance(3)";
  } else if (use === "startup function" && typeof value === "object" && value !== null) {
    hint =
      ". Options come after it, also where there is none: getContext(undefined, { journal: … })";
  }
  return `Expected a ${use}: an export of a remote() module or an inline function, got ${given}${hint}`;
}
