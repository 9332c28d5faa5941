import { jsonOf } from "../../wire/codec.ts";
import type { CodeReference } from "../../task.ts";
import { changesOf, modulesOf } from "./code_files.ts";
import type { FilesLine, OpenedLine } from "./journal_lines.ts";

/** The files of a module, from some run on. */
interface Files {
  readonly run: number;
  readonly digests: FilesLine["files"];
}

/** A run of the script, as far as its code matters. */
interface Run {
  readonly opened: string;
  /** The startup function as JSON, under each of its names; missing if unknown. */
  readonly startups: readonly string[] | undefined;
  /** Modules of the startup function. */
  readonly startupModules: readonly string[];
  /** Whether it accepts the outcomes of all earlier runs. */
  readonly isAccepting: boolean;
}

const NONE: readonly string[] = [];

/** Which code each run of a script had, according to its journal. */
export class CodeHistory {
  readonly #runs: Run[] = [];
  /** Files of modules by the URL of the module, in the order of the runs. */
  readonly #files = new Map<string, Files[]>();
  /** The modules of each function, by the function's number. */
  readonly #modules = new Map<number, readonly string[]>();
  /** What has changed from some run to the present one, by the number of the function and the number of that run. */
  readonly #changes = new Map<number, (readonly string[])[]>();
  /** The earlier runs that accepted all outcomes before them, in their order. */
  readonly #acceptingRuns: number[] = [];

  /** Number of the latest run, counted from 0. */
  get run(): number {
    return this.#runs.length - 1;
  }

  /** When a run began. */
  openedAt(run: number): string {
    // Somebody may have removed a damaged line with the date.
    return this.#runs[run]?.opened ?? "an unknown time";
  }

  /**
   * A run begins: an earlier one that is being read, or the present one.
   *
   * @param startups The startup function under each name that it may have now, because the script may have moved; `null` for none. Missing
   * if unknown.
   */
  begin(
    { opened, acceptChangedCode: isAccepting = false }: OpenedLine,
    startups: readonly (CodeReference | null)[] | undefined,
  ): void {
    this.#changes.clear();
    if (this.#runs.at(-1)?.isAccepting) this.#acceptingRuns.push(this.run);
    this.#runs.push({
      opened,
      startups: startups?.map((startup) => jsonOf(startup)),
      startupModules: startups?.flatMap((startup) =>
        startup === null ? NONE : modulesOf(startup)
      ) ?? [],
      isAccepting,
    });
  }

  /** Notes the number of a function. */
  noteFunction(number: number, reference: CodeReference): void {
    this.#modules.set(number, modulesOf(reference));
    this.#changes.delete(number);
  }

  /** Notes the files of a module in the present run. */
  noteFiles({ module, files: digests }: FilesLine): void {
    const notes = this.#files.get(module) ?? [];
    notes.push({ run: this.run, digests });
    this.#files.set(module, notes);
    this.#changes.clear();
  }

  /** Whether these are known to be the files of a module. */
  hasFiles({ module, files }: FilesLine): boolean {
    const known = this.#digestsIn(this.run, module);
    return known !== undefined && jsonOf(known) === jsonOf(files);
  }

  /**
   * What has changed in a function, and in the startup before it, since some run.
   *
   * @returns URLs of files, or else names of a configuration, and perhaps `the startup function`.
   */
  changesSince(run: number, number: number): readonly string[] {
    if (run === this.run) return NONE;
    let changes = this.#changes.get(number);
    if (changes === undefined) this.#changes.set(number, changes = []);
    return changes[run] ??= this.#compare(run, number);
  }

  /**
   * What has changed since an outcome was found, unless the code is the same as then, or the same as in a later run that accepted the
   * outcome.
   *
   * @returns The changes since the last such run.
   */
  unacceptedSince(run: number, number: number): readonly string[] {
    let changes = this.changesSince(run, number);
    for (const accepting of this.#acceptingRuns) {
      if (changes.length === 0) break;
      if (accepting > run) changes = this.changesSince(accepting, number);
    }
    return changes;
  }

  #compare(run: number, number: number): string[] {
    const changes = new Set<string>();
    const before = this.#runs[run]?.startups;
    const { startups: after, startupModules } = this.#runs[this.run];
    if (before !== undefined && after !== undefined) {
      const isSame = before.some((startup) => after.includes(startup));
      if (!isSame) changes.add("the startup function");
    }
    for (const module of [...this.#modules.get(number) ?? NONE, ...startupModules]) {
      const before = this.#digestsIn(run, module) ?? {};
      const after = this.#digestsIn(this.run, module) ?? {};
      for (const change of changesOf(before, after)) changes.add(change);
    }
    return [...changes];
  }

  #digestsIn(run: number, module: string): FilesLine["files"] | undefined {
    return this.#files.get(module)?.findLast((files) => files.run <= run)?.digests;
  }
}
