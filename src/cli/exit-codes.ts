/** What the process says to the shell. */
export const exitCodes = {
  done: 0,
  couldNotRun: 1,
  usage: 2,
  incomplete: 3,
  gate: 4,
  explainFailed: 5,
  interrupted: 130,
  terminated: 143,
} as const;
