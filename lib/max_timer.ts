/** The longest time that a timer can be set to, in milliseconds: 24.8 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
