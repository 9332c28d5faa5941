/**
 * Decides what happens to a slave whose process has ended.
 *
 * @module
 */

/** Why the process of a slave had to end, as far as its master knew in advance. */
export type Doom =
  /** There was no reason. */
  | { readonly type: "none" }
  /** It was killed, for a fault of its own. */
  | { readonly type: "killed"; readonly reason: string }
  /** It was to be replaced by a new one, for no fault of its own. */
  | Replacement
  /** It had nothing to do, and is not needed any more. */
  | { readonly type: "retired" }
  /** Others were about to end it, and no other process can take its place. */
  | { readonly type: "leaving"; readonly reason: string };

/** A slave is started anew, and nobody is blamed. */
export interface Replacement {
  readonly type: "replaced";
  readonly reason: string;
  /** Whether the user asked for it. */
  readonly isAsked: boolean;
}

/** The weight of each reason. A reason never gives way to one with less weight. */
const RANKS = { none: 0, killed: 1, replaced: 2, leaving: 3, retired: 4 } as const;

/** Which of two reasons counts: the one with more weight, or else the later one. */
export function laterDoom(before: Doom, next: Doom): Doom {
  return RANKS[next.type] >= RANKS[before.type] ? next : before;
}

/** The facts when a process has ended. */
export interface EndFacts {
  readonly doom: Doom;
  /** Whether the manager closes. */
  readonly isClosing: boolean;
  /** Whether the agent that started the process, if there is one, had gone. */
  readonly isAgentGone: boolean;
}

/** What happens to the slave. */
export type Sequel =
  /** It ends with its manager. */
  | { readonly type: "ended" }
  /** Its agent is gone: the reason has to be found out. */
  | { readonly type: "agent lost" }
  /** It is not needed any more. */
  | { readonly type: "retired" }
  /** It is lost: its end was announced. */
  | { readonly type: "left"; readonly reason: string }
  /** It is started anew, and nobody is blamed. */
  | Replacement
  /** It died by itself, or was killed: the board decides. */
  | { readonly type: "died" };

/** Judges the end of a process. */
export function judgeEnd({ doom, isClosing, isAgentGone }: EndFacts): Sequel {
  if (isClosing) return { type: "ended" };
  if (doom.type === "retired") return doom;
  if (isAgentGone) return { type: "agent lost" };
  switch (doom.type) {
    case "leaving":
      return { type: "left", reason: doom.reason };
    case "replaced":
      return doom;
    case "killed":
    case "none":
      return { type: "died" };
    default:
      return doom satisfies never;
  }
}
