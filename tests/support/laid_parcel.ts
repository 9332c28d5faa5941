import type { Parcel } from "../../lib/master/sent/parcel.ts";
import { TempFolder } from "./temp_folder.ts";

/** A folder with the files of a parcel, as an agent lays them, on a machine without a network. Removed at the end of the scope. */
export class LaidParcel extends TempFolder {
  constructor({ files }: Parcel) {
    super();
    for (const { place, source } of files) {
      const path = this.file(place);
      Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      if ("text" in source) Deno.writeTextFileSync(path, source.text);
      else Deno.copyFileSync(source.file, path);
    }
  }

  /** Runs a script there; returns what it printed. */
  async run(script: string, ...flags: string[]): Promise<string> {
    this.write("files/main.ts", script);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", "--cached-only", "--no-lock"],
        ...["--config", this.file("deno.json"), ...flags, this.file("files/main.ts")],
      ],
      clearEnv: true,
      env: { DENO_DIR: this.path, NO_COLOR: "1", HTTPS_PROXY: "http://127.0.0.1:1" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return decoder.decode(stdout) + decoder.decode(stderr);
  }
}
