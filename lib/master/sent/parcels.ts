import { agentProgram } from "./agent_program.ts";
import { JSON } from "../../own_globals.ts";
import { configFlags, resolveMapped } from "../config.ts";
import { importFlags, type SlavePermissions } from "../permissions.ts";
import { includedFiles } from "./included_files.ts";
import { type ModuleGraph, readModuleGraph } from "./module_graph.ts";
import { type OwnConfig, readOwnConfig } from "./own_config.ts";
import { Digests, isUpToDate, makeParcel, type Parcel } from "./parcel.ts";
import { placeOfRemote, urlOfFile } from "./places.ts";
import { sentConfigs } from "./sent_config.ts";

/** What is needed to make parcels. */
export interface ParcelOptions {
  /** Absolute path of the folder in which the manager was made. */
  readonly cwd: string;
  /** Program and arguments that start Deno on this machine. */
  readonly deno: readonly string[];
  /** Path of the configuration that modules resolve with, if there is one. */
  readonly config: string | undefined;
  readonly permissions: SlavePermissions;
  /** URL of the slave's program, which is in each parcel. */
  readonly program: string;
  /** Aborted when the manager closes: then parcels being made are no longer needed. */
  readonly closing: AbortSignal;
  /** Told what cannot be sent. */
  warn(message: string): void;
}

/** Files that may import others, and are searched for imports. */
const SCRIPT = /\.[cm]?[jt]sx?$/;

/** Makes the parcels of a manager: one for each list of modules, and a new one when a file has changed. */
export class Parcels implements AsyncDisposable {
  readonly #options: ParcelOptions;
  /** The parcels, by their modules and included files. */
  readonly #parcels = new Map<string, Parcel>();
  /** Parcels that are being made or checked. */
  readonly #pending = new Map<string, Promise<Parcel>>();
  readonly #digests: Digests;
  #agentProgram: Promise<string> | undefined;
  /** Paths of files and URLs of modules that the user has been warned about. */
  readonly #told = new Set<string>();

  constructor(options: ParcelOptions) {
    this.#options = options;
    this.#digests = new Digests(options.closing);
  }

  /**
   * The parcel for modules.
   *
   * @param modules URLs of modules that tasks come from, or their names in the import map.
   * @param include Further files, as {@linkcode includedFiles} takes them.
   * @throws {Error} If something that is needed does not exist or cannot be read.
   */
  of(modules: readonly string[], include: readonly (string | URL)[]): Promise<Parcel> {
    const key = JSON.stringify([modules, include]);
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = this.#find(key, modules, include).finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    return pending;
  }

  async #find(
    key: string,
    modules: readonly string[],
    include: readonly (string | URL)[],
  ): Promise<Parcel> {
    const known = this.#parcels.get(key);
    if (known !== undefined && isUpToDate(known)) return known;
    const parcel = await this.#make(modules, include);
    this.#parcels.set(key, parcel);
    return parcel;
  }

  /**
   * The program of an agent, as one line.
   *
   * @param include Files that it will be sent later. This checks whether they exist.
   * @throws {Error} If these files or the program cannot be read; the next call tries again.
   */
  async agentProgram(include: readonly (string | URL)[]): Promise<string> {
    includedFiles(include, this.#options.cwd);
    return await (this.#agentProgram ??= this.#makeAgentProgram().catch((error) => {
      this.#agentProgram = undefined;
      throw error;
    }));
  }

  /** Waits until nothing is being made any more, which is soon if the manager closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([...this.#pending.values(), this.#agentProgram]);
  }

  async #makeAgentProgram(): Promise<string> {
    const { program } = this.#options;
    return await agentProgram(await this.#graphOf([program], "--vendor=false"), program);
  }

  async #make(modules: readonly string[], include: readonly (string | URL)[]): Promise<Parcel> {
    const { program, config, cwd } = this.#options;
    const included = includedFiles(include, cwd);
    const scripts = included.filter((file) => SCRIPT.test(file)).map(urlOfFile);
    const roots = [program, ...modules, ...scripts];
    const graph = await this.#graphOf(roots);
    const names = new Map(modules.flatMap((name) => {
      const url = URL.canParse(name) ? undefined : resolveMapped(name);
      return url === undefined ? [] : [[name, url] as const];
    }));
    const own = await readOwnConfig(config, (path, message) => this.#tellOnce(path, message));
    this.#tellFaults(graph, own);
    return await makeParcel(graph, sentConfigs(graph, names, own), included, this.#digests);
  }

  async #graphOf(roots: readonly string[], ...more: string[]): Promise<ModuleGraph> {
    const { deno, config, permissions, closing } = this.#options;
    const flags = [...configFlags(config), ...importFlags(permissions, roots), ...more];
    return await readModuleGraph(deno, flags, roots, closing);
  }

  /** Warns about modules that cannot be sent. A missing file is reported by the task that imports it. */
  #tellFaults({ faults, modules }: ModuleGraph, { vendor }: OwnConfig): void {
    for (const { url, reason } of faults) {
      if (/^Module not found/.test(reason)) continue;
      this.#tellOnce(url, `Cannot send ${url} to slaves: ${reason}`);
    }
    for (const { url, file } of modules) {
      if (url.startsWith("file:")) continue;
      const isFound = file === undefined ? vendor !== undefined : placeOfRemote(file) !== undefined;
      if (isFound) continue;
      this.#tellOnce(
        url,
        `Cannot send ${url} to slaves: it is neither in Deno's cache nor in vendor`,
      );
    }
  }

  /** Warns about a file or module, unless that has been done. */
  #tellOnce(of: string, message: string): void {
    if (this.#told.has(of)) return;
    this.#told.add(of);
    this.#options.warn(message);
  }
}
