import { FakeCommands } from "./grid_fake_commands.ts";

/**
 * Stands for ssh, until the end of the scope: it is found first on PATH, and runs commands on this machine as a login would, in
 * another folder and by another shell. What is to happen at a host is said by shell lines.
 */
export class PlayedSSH implements AsyncDisposable {
  readonly #commands = new FakeCommands();

  constructor() {
    Deno.mkdirSync(`${this.#commands.folder}/home/.deno/bin`, { recursive: true });
    this.#commands.set("ssh", SCRIPT);
  }

  /** Folder in which files of logins are, and may be. */
  get folder(): string {
    return this.#commands.folder;
  }

  /** The home folder that logins have. */
  get home(): string {
    return `${this.folder}/home`;
  }

  /** The arguments of all logins so far. */
  get calls(): string[] {
    return this.#commands.calls("ssh");
  }

  /** The hosts of all logins so far. */
  get hosts(): string[] {
    return this.calls.map((call) => / -- (\S+)/.exec(call)![1]);
  }

  /**
   * Has shell lines run at each login to a host from now on, before its command: they may print, and exit.
   *
   * @param lines They find the way back that was asked for in `$way_back`, if there was one.
   */
  at(host: string, lines: string): void {
    // Another file each time: one that is read cannot be written.
    const path = `${this.folder}/ssh.at.${host}`;
    Deno.writeTextFileSync(`${path}.new`, `${lines}\n`);
    Deno.renameSync(`${path}.new`, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commands[Symbol.asyncDispose]();
  }
}

const FORWARDER = new URL("./forward_port.ts", import.meta.url).pathname;

/** As with the real one, there is a way back before the command runs. */
const SCRIPT = `folder=\${0%/*}
way_back=
while [ "$1" != -- ]; do
  if [ "$1" = -R ]; then way_back=$2; fi
  shift
done
host=$2
shift 2
if [ -e "$0.at.$host" ]; then . "$0.at.$host"; fi
HOME=$folder/home TMPDIR=$folder
export HOME TMPDIR
unset XDG_CACHE_HOME
cd /
if [ -z "$way_back" ]; then exec /bin/sh -c "$*"; fi
mkfifo "$0.forwarder.$$"
"${Deno.execPath()}" run --quiet --no-config --allow-net "${FORWARDER}" "$way_back" <&- >"$0.forwarder.$$" &
forwarder=$!
read -r word <"$0.forwarder.$$"
/bin/sh -c "$*"
code=$?
kill $forwarder
exit $code`;
