import { TempFolder } from "./temp_folder.ts";

const DECORATED = { compilerOptions: { experimentalDecorators: true } };

/** A module that tells by what options it runs. */
const TASKS = `
  let count = 0;
  const decorate = (...args: any[]): any => void (count = args.length);
  class Decorated { @decorate method() {} }
  export const all = () => count;
`;

/** Files of projects whose compiler options stand in another file than the nearest configuration. */
export const OPTIONED_PROJECTS: Readonly<
  Record<string, Readonly<Record<string, unknown>> & { readonly config: string }>
> = {
  "the deno.json of the workspace": {
    config: "member/deno.json",
    "deno.json": { workspace: ["./member"], ...DECORATED },
    "member/deno.json": { name: "@a/member", exports: "./tasks.ts" },
  },
  "the deno.json of the workspace, beside others of its member": {
    config: "member/deno.json",
    "deno.json": { workspace: ["./member"], ...DECORATED },
    "member/deno.json": { compilerOptions: { jsx: "react-jsx" } },
  },
  "the tsconfig.json beside a package.json": {
    config: "member/package.json",
    "member/package.json": { name: "member" },
    "member/tsconfig.json": DECORATED,
  },
  "what the tsconfig.json beside a deno.json extends": {
    config: "member/deno.json",
    "member/deno.json": {},
    "member/tsconfig.json": { extends: ["../base.json"], include: ["tasks.ts"] },
    "base.json": DECORATED,
  },
  "the tsconfig.json of a workspace": {
    config: "member/package.json",
    "package.json": { workspaces: ["./member"] },
    "tsconfig.json": DECORATED,
    "member/package.json": { name: "member" },
  },
  "a deno.json that says otherwise than the tsconfig.json beside it": {
    config: "member/deno.json",
    "member/deno.json": DECORATED,
    "member/tsconfig.json": { compilerOptions: { experimentalDecorators: false } },
  },
};

/** One of the projects, whose tasks are in `member/tasks.ts`. */
export class OptionedProject extends TempFolder {
  /** URL of the module with the tasks. `all()` says with how many arguments a decorator is called, which is 3 by these options. */
  readonly tasks: string;
  /** Path of the nearest configuration. */
  readonly config: string;

  constructor({ config, ...files }: (typeof OPTIONED_PROJECTS)[string]) {
    super();
    Deno.mkdirSync(this.file("member"));
    for (const [name, content] of Object.entries(files)) this.write(name, JSON.stringify(content));
    this.tasks = this.write("member/tasks.ts", TASKS);
    this.config = this.file(config);
  }
}
