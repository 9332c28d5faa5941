import type {
  ContextSurvey,
  ProcessUse,
  SlaveSurvey,
  SurveyedRun,
  VacantSlaves,
} from "../../lib/master/observe/survey.ts";

/** A slave of a made-up run. */
export function slaveSurvey(number: number, change: Partial<SlaveSurvey> = {}): SlaveSurvey {
  return {
    identity: { number, name: `local slave ${number}`, host: "nodeA" },
    standing: "busy",
    task: undefined,
    news: undefined,
    tasksDone: 0,
    job: undefined,
    waitReason: undefined,
    loss: undefined,
    isHere: false,
    ...change,
  };
}

/** A context of a made-up run. */
export function contextSurvey(number: number, change: Partial<ContextSurvey> = {}): ContextSurvey {
  return {
    number,
    name: "score",
    done: 0,
    failed: 0,
    restored: 0,
    added: 10,
    waiting: 10,
    delayed: 0,
    isMoreToCome: false,
    isRead: true,
    isHeldUp: false,
    ...change,
  };
}

/** A run that stands as a test says. */
export class MadeUpRun implements SurveyedRun {
  contexts: ContextSurvey[] = [];
  slaves: SlaveSurvey[] = [];
  vacant: VacantSlaves = { count: 0, failure: undefined };

  surveyContexts(): ContextSurvey[] {
    return this.contexts;
  }

  surveySlaves(): SlaveSurvey[] {
    return this.slaves;
  }

  surveyVacant(): VacantSlaves {
    return this.vacant;
  }

  useOf(slave: number): ProcessUse {
    return { memoryBytes: 1e6 + slave, cpuMs: undefined };
  }
}
